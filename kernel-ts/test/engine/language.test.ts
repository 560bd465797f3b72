import { mkdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { startLab } from './harness.js';

const lab = startLab();
afterAll(() => lab.close());

describe('the language of a cell', () => {
  test('the value of the last expression is the result', async () => {
    expect((await lab.run('1 + 1')).result).toBe('2');
    expect((await lab.run('({ a: [1, 2], b: "x" })')).result).toBe("{ a: [ 1, 2 ], b: 'x' }");
    expect((await lab.run('-0')).result).toBe('-0');
    expect((await lab.run('2n ** 70n')).result).toBe('1180591620717411303424n');
    expect((await lab.run('Symbol("s")')).result).toBe('Symbol(s)');
    expect((await lab.run('null')).result).toBe('null');
  });

  test.each([
    'undefined',
    'const q = 1',
    '// a comment',
    '',
    'for (let i = 0; i < 3; i++) i',
    'function noResult() { return 1 }',
  ])('no result is shown for %j', async (code) => {
    const ran = await lab.run(code);
    expect(ran.outcome).toEqual({ status: 'ok', userExpressions: {} });
    expect(ran.outputs).toEqual([]);
  });

  test('a promise as the last value is awaited; anything else with a then is a value', async () => {
    expect((await lab.run('Promise.resolve(4)')).result).toBe('4');
    expect((await lab.run('({ then: 1 })')).result).toBe('{ then: 1 }');
    expect((await lab.run('let calls = 0; ({ then() { calls++ } })')).result).toBe('{ then: [Function: then] }');
    expect((await lab.run('calls')).result).toBe('0');
  });

  test('a proxy whose traps throw, or that is revoked, is a value like others', async () => {
    const broken = await lab.run('new Proxy({ a: 1 }, { get() { throw new Error("trap") } })');
    expect([broken.outcome.status, broken.result]).toEqual(['ok', '{ a: 1 }']);
    const revoked = await lab.run('const gone = Proxy.revocable({}, {}); gone.revoke(); gone.proxy');
    expect([revoked.outcome.status, revoked.result]).toEqual(['ok', '<Revoked Proxy>']);
  });

  test('await works at the top level, in the last expression and in for await', async () => {
    expect((await lab.run('await Promise.resolve(5)')).result).toBe('5');
    expect(
      (await lab.run('let sum = 0;\nfor await (const x of (async function* () { yield 1; yield 2 })()) sum += x;\nsum'))
        .result,
    ).toBe('3');
    expect((await lab.run('const awaited = await (async () => "parenthesized")();\nawaited.length')).result).toBe('13');
  });

  test('a name can be declared again with another kind and another type', async () => {
    for (const [code, result] of [
      ['const x = 1; x + 1', '2'],
      ['const x = "two"; x.length', '3'],
      ['let x = [1]; x.push(2)', '2'],
      ['function x(a: number) { return a * 2 }\nx(4)', '8'],
      ['class x { y = 1 }\nnew x().y', '1'],
      ['enum x { A, B }\nx.B', '1'],
      ['var x = true; !x', 'false'],
      ['const x = 7n; x', '7n'],
    ] as const) {
      expect((await lab.run(code)).result, code).toBe(result);
    }
  });

  test('types and interfaces can be declared again, and the later one wins', async () => {
    await lab.run('interface Shape { a: number }\ntype Id = string');
    await lab.run('interface Shape { b: string }\ntype Id = number');
    expect((await lab.run('const shape: Shape = { b: "x" }; const id: Id = 3; id')).result).toBe('3');
    expect((await lab.run('const wrong: Shape = { a: 1 }')).traceback[0]).toContain('TS2353');
  });

  test('bindings are live across cells', async () => {
    await lab.run('let n0 = 1\nconst increment = () => n0++');
    expect((await lab.run('n0 = 10; increment(); n0')).result).toBe('11');
  });

  test('functions are hoisted, recursive and keep their names', async () => {
    expect(
      (
        await lab.run(
          'const six = factorial(3)\nfunction factorial(n: number): number { return n < 2 ? 1 : n * factorial(n - 1) }\n[six, factorial.name]',
        )
      ).result,
    ).toBe("[ 6, 'factorial' ]");
  });

  test('names declared before a throw keep their values', async () => {
    await lab.run('const before = 5; throw new Error("x")');
    expect((await lab.run('before')).result).toBe('5');
  });

  test('enums, namespaces, parameter properties, satisfies, decorators and using run', async () => {
    expect((await lab.run('enum Color { Red = "r", Blue = "b" }\nColor.Blue')).result).toBe("'b'");
    expect((await lab.run('namespace Space { export const z = 3 }\nSpace.z')).result).toBe('3');
    expect((await lab.run('class Point { constructor(readonly px: number) {} }\nnew Point(4).px')).result).toBe('4');
    expect((await lab.run('const table = { a: 1 } satisfies Record<string, number>; table.a')).result).toBe('1');
    expect(
      (
        await lab.run(
          'function twice(f: (this: D) => number, _: ClassMethodDecoratorContext) { return function (this: D) { return f.call(this) * 2 } }\nclass D { @twice value() { return 21 } }\nnew D().value()',
        )
      ).result,
    ).toBe('42');
    const used = await lab.run(
      'using held = { name: "h", [Symbol.dispose]() { console.log("disposed") } };\nconsole.log("body", held.name)',
    );
    expect(used.stdout).toBe('body h\ndisposed\n');
    expect(
      (
        await lab.run(
          'async function inner() { await using a = { async [Symbol.asyncDispose]() { console.log("gone") } }; return 1 }\nawait inner()',
        )
      ).stdout,
    ).toBe('gone\n');
  });

  test('option lines are no code and move no position', async () => {
    const ran = await lab.run('#| label: fig\n//| echo: false\nthrow new Error("third line")');
    expect(ran.traceback.slice(0, 2)).toEqual([
      'Error: third line',
      `    at (cell ${ran.requestId.slice(8)}, line 3:7)`,
    ]);
  });

  test('user expressions are evaluated after the cell and fail alone', async () => {
    const { outcome } = await lab.run('const seven = 7', {
      userExpressions: { good: 'seven * 2', bad: 'missing.x', broken: '1 +' },
    });
    expect(outcome.status).toBe('ok');
    if (outcome.status !== 'ok') return;
    expect(outcome.userExpressions.good).toEqual({ status: 'ok', data: { 'text/plain': '14' }, metadata: {} });
    expect(outcome.userExpressions.bad).toMatchObject({
      status: 'error',
      ename: 'ReferenceError',
      evalue: 'missing is not defined',
    });
    expect(outcome.userExpressions.broken).toMatchObject({ status: 'error', ename: 'SyntaxError' });
  });

  test('silent cells run and show no result', async () => {
    const ran = await lab.run('let quiet = 3; quiet', { silent: true });
    expect(ran.outputs).toEqual([]);
    expect((await lab.run('quiet')).result).toBe('3');
  });
});

describe('imports', () => {
  test('built-in modules import with and without node:, in every form', async () => {
    expect(
      (
        await lab.run(
          "import fs, { existsSync as exists } from 'node:fs'\nimport * as path from 'path'\n[typeof fs.readFileSync, exists('/'), path.sep]",
        )
      ).result,
    ).toBe("[ 'function', true, '/' ]");
    expect((await lab.run('exists("/nowhere")')).result).toBe('false');
    expect((await lab.run('const name = "os"; typeof (await import("node:" + name)).cpus')).result).toBe("'function'");
    expect((await lab.run('typeof require("node:zlib").gzipSync')).result).toBe("'function'");
  });

  test('an ESM-only package with top-level await, and a CommonJS package, import by name', async () => {
    const make = (name: string, manifest: object, file: string, text: string, types: string): void => {
      mkdirSync(join(lab.folder, 'node_modules', name), { recursive: true });
      lab.write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', ...manifest }));
      lab.write(`node_modules/${name}/${file}`, text);
      lab.write(`node_modules/${name}/index.d.ts`, types);
    };
    make(
      'esm-only',
      { type: 'module', exports: { import: { types: './index.d.ts', default: './index.js' } } },
      'index.js',
      'export const value = await Promise.resolve(8)',
      'export const value: number',
    );
    make(
      'old-style',
      { main: 'index.js', types: 'index.d.ts' },
      'index.js',
      'const all = {}; all["dyn" + "amic"] = 9; module.exports = all',
      'export const dynamic: number',
    );
    expect(
      (await lab.run("import { value } from 'esm-only'\nimport { dynamic } from 'old-style'\nvalue + dynamic")).result,
    ).toBe('17');
    expect(
      (await lab.run("import { value as typed } from 'esm-only'\nconst wrong: string = typed")).traceback[0],
    ).toContain("TS2322: Type 'number' is not assignable to type 'string'.");
  });

  test('a relative TypeScript file is compiled and typed, and new text after an edit is new code and new types', async () => {
    lab.write('inner.ts', 'export const factor: number = 2');
    lab.write(
      'local.ts',
      "import { factor } from './inner.js'\nexport function scale(x: number): number { return x * factor }\n",
    );
    expect((await lab.run("import { scale } from './local'\nscale(5)")).result).toBe('10');
    lab.write('inner.ts', 'export const factor: number = 300');
    utimesSync(join(lab.folder, 'inner.ts'), 1000, 2000);
    expect((await lab.run("import { scale } from './local'\nscale(5)")).result).toBe('1500');
    lab.write('local.ts', 'export function scale(x: string): string { return x + "!" }\n');
    expect((await lab.run("import { scale } from './local'\nscale('new')")).result).toBe("'new!'");
  });

  test('a file that is written after its import failed is found', async () => {
    expect((await lab.run("import { late } from './late.js'\nlate")).traceback[0]).toContain('TS2307');
    lab.write('late.ts', 'export const late = "now"');
    expect((await lab.run("import { late } from './late.js'\nlate")).result).toBe("'now'");
  });

  test('a package that is installed after its import failed is found, with its types', async () => {
    const cell = "import { newest } from 'fresh-package'\nnewest";
    expect((await lab.run(cell)).traceback[0]).toContain('TS2307');
    mkdirSync(join(lab.folder, 'node_modules/fresh-package'), { recursive: true });
    lab.write(
      'node_modules/fresh-package/package.json',
      '{"name": "fresh-package", "type": "module", "main": "at.js"}',
    );
    lab.write('node_modules/fresh-package/at.js', 'export const newest = 7');
    lab.write('node_modules/fresh-package/at.d.ts', 'export declare const newest: number');
    expect((await lab.run(cell)).result).toBe('7');
    expect((await lab.run('newest.length')).traceback[0]).toContain('TS2339');
  });

  test('JSON imports give the value', async () => {
    lab.write('data.json', '{"size": 3}');
    expect((await lab.run("import data from './data.json'\ndata.size")).result).toBe('3');
  });

  test('a missing package is a type error at the name, before anything runs', async () => {
    const ran = await lab.run("console.log('ran')\nimport x from 'no-such-package'");
    expect(ran.stdout).toBe('');
    expect(ran.traceback[0]).toContain("line 2:15 - TS2307: Cannot find module 'no-such-package'");
  });
});
