/** Where completion works and what it replaces: `|` in a text is the cursor. Positions are UTF-16 units here. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GLOBALS, startLab } from './harness.js';

const lab = startLab(GLOBALS);
afterAll(() => lab.close());

beforeAll(async () => {
  lab.write('helper.ts', 'export const alpha = 1;\nexport interface Beta { x: number }\nexport default 3');
  mkdirSync(join(lab.folder, 'node_modules/@scope/kit'), { recursive: true });
  const exports = { '.': './at.js', './sub': './at.js', './deep/*': './*.js' };
  lab.write('node_modules/@scope/kit/package.json', JSON.stringify({ name: '@scope/kit', types: 'at.d.ts', exports }));
  lab.write('node_modules/@scope/kit/at.js', 'export const inKit = 1');
  lab.write('node_modules/@scope/kit/at.d.ts', 'export declare const inKit: number');
  mkdirSync(join(lab.folder, 'node_modules/plain-kit/lib'), { recursive: true });
  lab.write('node_modules/plain-kit/package.json', '{"name": "plain-kit"}');
  lab.write('node_modules/plain-kit/lib/tool.js', '');
  await lab.run(`const record = { 'two words': 1, plain: 2 };
const parsed: any = JSON.parse('{"k k": 1, "key": {"deep": 2}}');
const counts: Record<string, number> = { apples: 1, 'green pears': 2 };`);
});

/** What completes at the `|`, and the text that it replaces. */
async function at(marked: string): Promise<{ texts: string[]; replaced: string }> {
  const cursor = marked.indexOf('|');
  const code = marked.slice(0, cursor) + marked.slice(cursor + 1);
  const { matches, start, end } = await lab.engine.complete(code, cursor);
  return { texts: matches.map(({ text }) => text), replaced: code.slice(start, end) };
}

describe('inside an import', () => {
  test.each([
    ["import { al| } from './helper'", ['alpha'], 'al'],
    ["import { alpha as one, B| } from './helper'", ['Beta'], 'B'],
    ["import type { B| } from './helper'", ['Beta'], 'B'],
    ["import three, { al|pha } from './helper'", ['alpha'], 'alpha'],
    ["import { readFileS| } from 'node:fs'", ['readFileSync'], 'readFileS'],
    ["import {\n  sep,\n  delim|\n} from 'node:path'", ['delimiter'], 'delim'],
    ["export { al| } from './helper'", ['alpha'], 'al'],
  ])('%s gives the names of the module', async (marked, texts, replaced) => {
    expect(await at(marked)).toEqual({ texts, replaced });
  });

  test('without a beginning every name of the module is given, and no other', async () => {
    expect((await at("import { | } from './helper'")).texts).toEqual(['Beta', 'alpha', 'type']);
  });

  test.each([
    ["import x from '@sco|'", ['@scope/kit'], '@sco'],
    ["import x from '@scope/kit/|'", ['@scope/kit/sub'], '@scope/kit/'],
    ["import x from 'plain-kit/|'", ['plain-kit/lib/', 'plain-kit/package.json'], 'plain-kit/'],
    ["import x from 'plain-k|'", ['plain-kit'], 'plain-k'],
    ['import x from "./hel|per"', ['helper.ts'], 'helper'],
    ["await import('./hel|')", ['helper.ts'], 'hel'],
    ["export * from './hel|'", ['helper.ts'], 'hel'],
    ["require('node:zl|')", ['node:zlib'], 'node:zl'],
    ["import x from './nowhere/|'", [], ''],
  ])('%s gives modules', async (marked, texts, replaced) => {
    expect(await at(marked)).toEqual({ texts, replaced });
  });
});

describe('inside brackets and braces', () => {
  test.each([
    ["record['|']", ['plain', 'two words'], ''],
    ["record['tw|o']", ['two words'], 'two'],
    ['parsed["|"]', ['k k', 'key'], ''],
    ["parsed.key['de|']", ['deep'], 'de'],
    ['parsed.', ['key'], ''],
    ["counts['gr|']", ['green pears'], 'gr'],
    ['counts.', ['apples'], ''],
    ["const color: 'red' \u2223 'blue' = 'b|'", ['blue'], 'b'],
    ["Buffer.from('x', 'lat|')", ['latin1'], 'lat'],
    ["'a text with rec|'", [], 'a text with rec'],
  ])('%s', async (marked, texts, replaced) => {
    const code = marked.endsWith('.') ? `${marked}|` : marked;
    const cursor = code.lastIndexOf('|');
    const plain = (code.slice(0, cursor) + code.slice(cursor + 1)).replaceAll('\u2223', '|');
    const { matches, start, end } = await lab.engine.complete(plain, cursor);
    expect({ texts: matches.map(({ text }) => text), replaced: plain.slice(start, end) }).toEqual({ texts, replaced });
  });

  test('a name that ends in a digit has members, a number and its dot have none', async () => {
    await lab.run("import * as d3 from './helper'\nconst π2 = { turn: 1 }");
    expect((await at('d3.al|')).texts).toEqual(['alpha']);
    expect((await at('π2.tu|')).texts).toEqual(['turn']);
    expect((await at('12.al|')).texts).not.toContain('alpha');
  });

  test('an object and a pattern complete their properties before the names in scope', async () => {
    const size = 'function draw(size: { width: number; height: number }) {}\n';
    expect(await at(`${size}draw({ wi| })`)).toEqual({ texts: ['width'], replaced: 'wi' });
    expect((await at(`${size}draw({ | })`)).texts).toEqual(['height', 'width']);
    expect((await at('const { pl| } = record')).texts).toEqual(['plain']);
    expect((await at('draw([rec|')).texts).toEqual(['record']);
  });

  test('an object completes the properties that it may leave out, without the mark that says so', async () => {
    await lab.run('interface Stroke { width?: number; dash?: { on?: number } }\nfunction stroke(s: Stroke) {}');
    expect((await at('stroke({ | })')).texts).toEqual(['dash', 'width']);
    expect(await at('stroke({ wi| })')).toEqual({ texts: ['width'], replaced: 'wi' });
    expect((await at('stroke({ width: 1, | })')).texts).toEqual(['dash']);
    expect((await at('stroke({ dash: { | } })')).texts).toEqual(['on']);
  });

  test('the text of a template completes nothing, its values do', async () => {
    expect((await at('`text |`')).texts).toEqual([]);
    expect((await at(`\`line 1\nrec| \${1}\``)).texts).toEqual([]);
    expect((await at(`\`\${1} rec|\``)).texts).toEqual([]);
    expect((await at(`\`\${[\`in \${{ a: 1 }.a} rec|\`]}\``)).texts).toEqual([]);
    expect((await at(`\`\${1} \${rec|}\``)).texts).toEqual(['record']);
    expect((await at('`\\` closed`; rec|')).texts).toEqual(['record']);
    expect((await at('/`/.test(""); rec|')).texts).toEqual(['record']);
    expect((await at('// `\nrec|')).texts).toEqual(['record']);
  });

  test('what Node keeps behind a getter has members too, and comments with an apostrophe are no strings', async () => {
    expect((await at('process.env.PAT|')).texts).toEqual(['PATH']);
    expect((await at("/* don't */ record.pl|")).texts).toEqual(['plain']);
    expect((await at("// it's\nrecord.pl|")).texts).toEqual(['plain']);
    expect((await at(`\`it's \${record.pl|}\``)).texts).toEqual(['plain']);
  });
});

describe('behind characters of two units and line ends of two characters', () => {
  test.each([
    ["'🦊🦊'; record.pl|ain", 15, 20],
    ['// 🦊\r\nrecord.pl|\r\nrecord', 14, 16],
    ['const 𝑥 = record;\r\n𝑥.pl|', 23, 25],
    ["const text = 'é🦊'\r\n\r\n  record.pl|", 31, 33],
  ])('%j replaces exactly the name', async (marked, start, end) => {
    const cursor = marked.indexOf('|');
    const code = marked.replace('|', '');
    expect(await lab.engine.complete(code, cursor)).toEqual({
      matches: [{ text: 'plain', type: 'property' }],
      start,
      end,
    });
    const { data } = await lab.engine.inspect(`${code.slice(0, start)}plain`, start + 2, 0);
    expect(data['text/plain']).toBe('(property) plain: number');
  });
});

test('a name whose letters take two units completes and is inspected whole', async () => {
  await lab.run('const 𝑥𝑦z = 1');
  expect(await at('1 + 𝑥𝑦|; 2')).toEqual({ texts: ['𝑥𝑦z'], replaced: '𝑥𝑦' });
  for (const cursor of [0, 2, 4, 5]) {
    expect((await lab.engine.inspect('𝑥𝑦z', cursor, 0)).data['text/plain'], `at ${cursor}`).toBe('(variable) 𝑥𝑦z: 1');
  }
});

describe('magics', () => {
  test('complete at the beginning of a line, and show their use', async () => {
    expect(await at('1 + 1\n  %ti|')).toEqual({ texts: ['time', 'timeit'], replaced: 'ti' });
    expect((await at('%|')).texts).toEqual(['env', 'help', 'time', 'timeit', 'who']);
    expect((await at('7 %ti|')).texts).toEqual([]);
    expect((await lab.engine.inspect('%who', 2, 0)).data['text/plain']).toBe(
      '%who                   lists the names that cells have declared',
    );
  });
});
