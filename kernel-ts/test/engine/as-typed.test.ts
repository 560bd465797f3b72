import { afterAll, describe, expect, test } from 'vitest';
import { breakpointPlace } from '../../src/engine/debug/lines.js';
import { analyzeCell } from '../../src/engine/front/analyze.js';
import { compileCell, NO_NAMES } from '../../src/engine/front/compile.js';
import { userPosition, wayBack } from '../../src/engine/positions.js';
import { startLab } from './harness.js';

const lab = startLab({ check: 'off' });
afterAll(() => lab.close());

const isAsTyped = (code: string): boolean => analyzeCell(code).asTyped !== undefined;
const compiled = (code: string): ReturnType<typeof compileCell> =>
  compileCell(analyzeCell(code), 'npulab:1', 'cell 1', NO_NAMES);

test.each([
  '1 + 1',
  "import { join } from 'node:path'\nconst [a, { b = 1, ...c }] = await f(...d); join(a, `b`)",
  'for await (const x of y) { if (!x?.z) continue; else break }\nlabel: do { x ??= 1n } while (x)',
  'async function* f(a, { b } = {}) { try { yield* a } catch { throw new Error("x") } finally { return } }',
  '({ get a() { return 1 }, set a(v) {}, async b() {}, [c]: /(?:x)(?<y>z)/giu, ...d })',
  'switch (a) { case 1: debugger; default: (x, y) }\nimport.meta.url; import("x"); f`t`; a ? b : c',
])('what V8 runs as it was typed is not lowered: %s', (code) => {
  expect(isAsTyped(code)).toBe(true);
});

test.each([
  ...[
    'const a: number = 1',
    'f<string>(1)',
    'a!',
    'a as b',
    'a satisfies b',
    '<a>b',
    'let a!: number',
    'declare let a',
  ],
  ...['function f(a?) {}', 'function f(this) {}', 'function f(a);\nfunction f(a) {}', '(a?) => a', '(a): b => a'],
  ...['type A = 1', 'interface A {}', 'enum A {}', 'namespace A {}', 'import type { A } from "a"', 'import a = b.c'],
  ...['import { type A, b } from "a"', 'import defer * as a from "a"', 'class A {}', 'a = class { @b c() {} }'],
  ...['using a = b', 'for (using a of b) {}', 'export const a = 1', 'export {}', '/a/v', '/(?i:a)/', '/(?-i:a)/'],
  ...['a <!--b', 'a\n--> b', '#!/usr/bin/env node\na', '%time a', 'function f<T>(a) {}', 'try {} catch (e: any) {}'],
])('what is TypeScript, newer than V8, or something else in a script is the compiler’s: %s', (code) => {
  let isTyped = true;
  try {
    isTyped = !isAsTyped(code);
  } catch {
    // does not parse at all
  }
  expect(isTyped).toBe(true);
});

describe('statements without semicolons', () => {
  test('stay apart when what stood between them has moved', async () => {
    const ran = await lab.run('const one = { n: 1 }\nfunction two() { return 2 }\n[one.n, two()].map((n) => n * 2)');
    expect(ran.result).toBe('[ 2, 4 ]');
    expect((await lab.run('if (one) one.n = {}\nimport { sep } from "node:path"\n(sep)')).result).toBe("'/'");
    expect((await lab.run('let last = () => {}\nasync function three() {}\n`text`')).result).toBe("'text'");
  });

  test('give the value of the last expression', async () => {
    expect((await lab.run('for (const n of [1]) { n }\n7 // seven')).result).toBe('7');
    expect((await lab.run('if (true) { 5 }')).result).toBe(undefined);
    expect((await lab.run('({ a: 1 })')).result).toBe('{ a: 1 }');
  });
});

test('a constant keeps its name, and cannot be assigned', async () => {
  const ran = await lab.run("const fixed = 1, [kept] = [2]\n'use strict'\nkept = 3");
  expect(ran.traceback[0]).toBe('TypeError: Assignment to constant variable.');
  expect((await lab.run('[fixed, kept]')).result).toBe('[ 1, 2 ]');
});

test('every place of the script is the place that was typed', () => {
  const code = '// ä 😀\nconst a = 1\nfunction f() {\n  throw new Error(`x`)\n}\nf( )';
  const text = compiled(code);
  const at = (part: string): { line: number; column: number } | undefined => {
    const lines = text.js.slice(0, text.js.indexOf(part)).split('\n');
    return userPosition(text, lines.length, (lines.at(-1) as string).length + 1);
  };
  expect(at('new Error')).toEqual({ line: 4, column: 9 });
  expect(at('= 1')).toEqual({ line: 2, column: 9 });
  expect(at('f( )')).toEqual({ line: 6, column: 1 });
});

test('a breakpoint stands at the first code at or below its line', () => {
  const code =
    'const a = [\n  // first\n  1,\n];\n/* nothing\n   here */\nfunction f() {\n  return a;\n}\n\nf();\n// end';
  const text = compiled(code);
  const lines = text.js.split('\n');
  const placeOf = (line: number): string | undefined => {
    const place = breakpointPlace(text, line);
    return place && `${place.line}: ${lines[place.script.line]?.slice(place.script.column)}`;
  };
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13].map(placeOf)).toEqual([
    '1:  a = [',
    ...['3: 1,', '3: 1,'],
    ...['7: ', '7: ', '7: ', '7: '],
    '8: return a;',
    ...['11: f();', '11: f();', '11: f();'],
    ...[undefined, undefined],
  ]);
});

test('the way back is remembered without the texts', () => {
  expect(wayBack(compiled('const a = 1\na'))).toBe('0,11,14,15 0,12 3,5,6;11,12,1 =');
  const typed = wayBack(compiled('const a: number = 1'));
  expect(typed).toMatch(/^0,11,12 0,13 3,5,7 AAAA/);
});
