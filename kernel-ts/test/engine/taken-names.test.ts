/** Cells may declare names that JavaScript or Node has already: for cells alone. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Lab, startLab } from './harness.js';

let lab: Lab;
beforeAll(() => {
  lab = startLab();
});
afterAll(() => lab.close());

const result = async (code: string): Promise<unknown> => (await lab.run(code)).result;

describe('a name that JavaScript has', () => {
  test.each([
    'Object',
    'Array',
    'Set',
    'Map',
    'Promise',
    'Error',
    'String',
    'Number',
    'Symbol',
    'Math',
    'JSON',
    'Atomics',
  ])('%s is declared by a cell, and cells, displays, errors and imports go on', async (name) => {
    const own = startLab({ check: 'off' });
    own.write('list.ts', 'export const list = Array.from(new Set([1, 1, 2])).concat(Math.max(3))\n');
    expect((await own.run(`class ${name} { static mine = 'mine' }`)).outcome.status).toBe('ok');
    expect((await own.run(`${name}.mine`)).result).toBe("'mine'");
    expect((await own.run("import { list } from './list.ts'; list")).result).toBe('[ 1, 2, 3 ]');
    expect((await own.run('console.log({ a: [1] }); await null; null.x')).outcome).toMatchObject({
      ename: 'TypeError',
    });
    expect((await own.run('%who')).stdout).toMatch(new RegExp(`^${name}  `, 'm'));
    await own.close();
  });

  test('is the cell’s own in every place, and that of JavaScript for everybody else', async () => {
    mkdirSync(join(lab.folder, 'node_modules/url-kit'), { recursive: true });
    lab.write('node_modules/url-kit/index.js', "exports.host = () => new URL('http://there/').host");
    lab.write('node_modules/url-kit/index.d.ts', 'export declare const host: () => string');
    lab.write('node_modules/url-kit/package.json', '{"name": "url-kit", "types": "index.d.ts"}');
    await lab.run('let URL = "mine"; const both = { URL, other: { URL: 2 } }');
    expect(await result("import { host } from 'url-kit'; [URL, host(), both]")).toBe(
      "[ 'mine', 'there', { URL: 'mine', other: { URL: 2 } } ]",
    );
    expect(await result('URL += "!"; [String(URL), typeof URL, both.other.URL].join(" ")')).toBe("'mine! string 2'");
    expect(
      await result('({ URL } = { URL: "taken apart" }); const again = (URL: number) => URL + 1; [URL, again(1)]'),
    ).toBe("[ 'taken apart', 2 ]");
    expect(await result('{ const URL = "inner"; void URL }\nfor (const URL of [1]) void URL;\nURL')).toBe(
      "'taken apart'",
    );
    expect(await result('({ URL = "default" } = {} as { URL?: string }); URL')).toBe("'default'");
    expect(await result('new globalThis.URL("http://real/").host')).toBe("'real'");
    expect((await lab.run('const { URL, ...others } = { URL: 5, a: 1 }; URL.toFixed(1) + others.a')).result).toBe(
      "'5.01'",
    );
  });

  test('is declared as function, class, enum, namespace or import, and knows itself by its name', async () => {
    expect(
      await result('function Map(n: number): number { return n <= 0 ? 0 : 1 + Map(n - 1) }\n[Map(3), Map.name]'),
    ).toBe("[ 3, 'Map' ]");
    expect(
      await result('class Set { static one = new Set(); me() { return Set.one === this } }\n[Set.one.me(), Set.name]'),
    ).toBe("[ true, 'Set' ]");
    expect(await result('enum Date { Day = 1, Night }\n[Date.Night, Date[1]]')).toBe("[ 2, 'Day' ]");
    expect(
      await result(
        'namespace Reflect { export const light = 2; export const double = () => light * 2 }\nReflect.double()',
      ),
    ).toBe('4');
    expect(await result("import { sep as Number } from 'node:path'\nNumber")).toBe("'/'");
    expect(await result("import * as Intl from 'node:path'\nIntl.sep")).toBe("'/'");
    expect(await result('var Proxy; Proxy = 3; Proxy')).toBe('3');
  });

  test('that is a constant is not assigned, and an error names it as it is typed', async () => {
    await lab.run('const Buffer = { size: 1 }');
    expect((await lab.run('Buffer = 2 as never')).outcome).toMatchObject({ ename: 'TypeCheckError' });
    const unchecked = await lab.run('kernel: { (Buffer as any)() }');
    expect(unchecked.outcome).toMatchObject({ ename: 'TypeError', evalue: 'Buffer is not a function' });
    expect(await result('Buffer.size')).toBe('1');
  });

  test('completes by what the cell made it', async () => {
    await lab.run('const performance: any = JSON.parse(\'{"mine": {"deep": 1}}\')');
    const { matches } = await lab.engine.complete('performance.', 12);
    expect(matches.map(({ text }) => text)).toEqual(['mine']);
  });

  test('that was declared as a type alone stays what it is as a value', async () => {
    await lab.run('interface Request2 { a: 1 }; type WeakRef = { mine: 1 }');
    expect(await result('const ref: WeakRef = { mine: 1 }; [ref, typeof globalThis.WeakRef]')).toBe(
      "[ { mine: 1 }, 'function' ]",
    );
  });

  test('is seen by user expressions, and gone with the process', async () => {
    await lab.run('let Int8Array = "mine"');
    const { outcome } = await lab.run('0', { userExpressions: { own: 'Int8Array' } });
    expect(outcome).toMatchObject({ userExpressions: { own: { status: 'ok', data: { 'text/plain': "'mine'" } } } });
    await lab.engine.restart();
    expect(await result('new Int8Array(2).length')).toBe('2');
  });
});
