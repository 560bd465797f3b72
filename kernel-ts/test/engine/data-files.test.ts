/** JSON and WebAssembly files as modules: typed from what they hold, loaded anew when they change, clear when damaged. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { wasmDeclaration } from '../../src/engine/front/wasm-declarations.js';
import { readWasm } from '../../src/engine/wasm.js';
import { GLOBALS, startLab } from './harness.js';

const lab = startLab(GLOBALS);
afterAll(() => lab.close());

const [I32, I64, F64] = [0x7f, 0x7e, 0x7c];
const [ADD, SUBTRACT] = [0x6a, 0x6b];
const HEAD = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
const section = (id: number, items: number[][]): number[] => {
  const body = [items.length, ...items.flat()];
  return [id, body.length, ...body];
};
const functionType = (parameters: number[], results: number[]): number[] => [
  ...[0x60, parameters.length, ...parameters, results.length, ...results],
];

/** `add` by the given instruction, also as `two words`; `same` of a 64-bit number; `pair` of results; a memory. */
function arithmetic(instruction: number): Buffer {
  return Buffer.from([
    ...HEAD,
    ...section(1, [functionType([I32, I32], [I32]), functionType([I64], [I64]), functionType([], [I32, F64])]),
    ...section(3, [[0], [1], [2]]),
    ...section(5, [[0, 1]]),
    ...section(7, [
      [...name('add'), 0, 0],
      [...name('same'), 0, 1],
      [...name('pair'), 0, 2],
      [...name('memory'), 2, 0],
      [...name('two words'), 0, 0],
    ]),
    ...section(10, [
      [7, 0, 0x20, 0, 0x20, 1, instruction, 0x0b],
      [4, 0, 0x20, 0, 0x0b],
      [13, 0, 0x41, 1, 0x44, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x0b],
    ]),
  ]);
}

/** `go(x)` calls `log(x)` of the module named. */
function caller(imported: string): Buffer {
  return Buffer.from([
    ...HEAD,
    ...section(1, [functionType([I32], [])]),
    ...section(2, [[...name(imported), ...name('log'), 0, 0]]),
    ...section(3, [[0]]),
    ...section(7, [[...name('go'), 0, 1]]),
    ...section(10, [[6, 0, 0x20, 0, 0x10, 0, 0x0b]]),
  ]);
}

const put = (file: string, bytes: Uint8Array | string): void => writeFileSync(join(lab.folder, file), bytes);

describe('a WebAssembly file inside a package', () => {
  const own = startLab();
  afterAll(() => own.close());
  const fill = (package_: string, files: Record<string, Uint8Array | string>): void => {
    const folder = join(own.folder, 'node_modules', package_);
    mkdirSync(folder, { recursive: true });
    const exports = { '.': { types: './index.d.ts', default: './index.js' }, './*.wasm': './*.wasm' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: package_, type: 'module', exports }));
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
  };

  test('is loaded where the package imports it, though the notebook has no file of its own', async () => {
    fill('five', {
      'sums.wasm': arithmetic(ADD),
      'inner.js': "export { add } from './sums.wasm'",
      'index.js': "import { add } from './inner.js'\nexport const five = () => add(2, 3)",
      'index.d.ts': 'export declare const five: () => number',
    });
    expect((await own.run("import { five } from 'five'\nfive()")).result).toBe('5');
    expect((await own.run("import * as again from 'five'\nagain.five === five")).result).toBe('true');
  });

  test('is imported by its name, typed by its own type section', async () => {
    fill('kit', { 'sums.wasm': arithmetic(ADD) });
    expect((await own.run("import { add } from 'kit/sums.wasm'\nadd(20, 22)")).result).toBe('42');
    expect((await own.run("import { add } from 'kit/sums.wasm'\nadd('2', 3)")).traceback[0]).toContain(
      "TS2345: Argument of type 'string' is not assignable to parameter of type 'number'.",
    );
    expect((await own.run("import { nothing } from 'kit/sums.wasm'")).traceback[0]).toContain('TS2614');
    expect((await own.run("import { add } from 'kit/other.wasm'")).traceback[0]).toContain('TS2307');
  });

  test('that is damaged says so', async () => {
    fill('torn', { 'sums.wasm': arithmetic(ADD).subarray(0, 60) });
    expect((await own.run("import { add } from 'torn/sums.wasm'")).traceback[0]).toBe(
      'EngineError: sums.wasm is no WebAssembly module: it ends too early',
    );
  });
});

describe('a WebAssembly file', () => {
  test('gives its exports by their names, and all of them as the default', async () => {
    put('sums.wasm', arithmetic(ADD));
    const named = await lab.run(
      "import { add, same, pair, 'two words' as odd } from './sums.wasm'\n[add(2, 3), same(7n), pair(), odd(4, 4)]",
    );
    expect(named.result).toBe('[ 5, 7n, [ 1, 2 ], 8 ]');
    expect((await lab.run("import sums from './sums.wasm'\nsums['two words'](1, 1)")).result).toBe('2');
    expect((await lab.run("(await import('./sums.wasm')).add(1, 5)")).result).toBe('6');
  });

  test('is typed by its own type section, in checks, completion and inspection', async () => {
    put('sums.wasm', arithmetic(ADD));
    const wrong = await lab.run("import { add, same } from './sums.wasm'\nadd('x', 1)\nsame(1)\nadd(1)");
    expect(wrong.traceback.filter((line) => line.startsWith('cell'))).toEqual([
      `cell ${wrong.requestId.slice(8)}, line 2:5 - TS2345: Argument of type 'string' is not assignable to parameter of type 'number'.`,
      `cell ${wrong.requestId.slice(8)}, line 3:6 - TS2345: Argument of type 'number' is not assignable to parameter of type 'bigint'.`,
      `cell ${wrong.requestId.slice(8)}, line 4:1 - TS2554: Expected 2 arguments, but got 1.`,
    ]);
    const code = "import sums from './sums.wasm'; sums.";
    const { matches } = await lab.engine.complete(code, code.length);
    expect(matches.map(({ text }) => text)).toEqual(['add', 'memory', 'pair', 'same']);
    const asked = "import { pair } from './sums.wasm'; pair";
    expect((await lab.engine.inspect(asked, asked.length, 0)).data['text/plain']).toBe(
      '(variable) pair: () => [number, number]',
    );
    const missing = await lab.run("import { nothing } from './sums.wasm'");
    expect(missing.traceback[0]).toContain('line 1:10 - TS2614: Module \'"./sums.wasm"\' has no exported member');
  });

  test('is new code and new types when it has changed, also behind a TypeScript file', async () => {
    put('sums.wasm', arithmetic(ADD));
    put('uses.ts', "import { add } from './sums.wasm'\nexport const tenMore = (x: number): number => add(x, 10)");
    const cell = "import { tenMore } from './uses'\ntenMore(5)";
    expect((await lab.run(cell)).result).toBe('15');
    put('sums.wasm', arithmetic(SUBTRACT));
    expect((await lab.run(cell)).result).toBe('-5');
    put('sums.wasm', caller('./log.ts'));
    put('log.ts', 'export const log = (x: number): void => console.log("told", x)');
    expect((await lab.run("import { add } from './sums.wasm'")).traceback[0]).toContain('TS2614');
    expect((await lab.run("import { go } from './sums.wasm'\ngo(4)")).stdout).toBe('told 4\n');
  });

  test('that is damaged says so, and works again when it is whole', async () => {
    const cell = "import { add } from './broken.wasm'\nadd(2, 3)";
    for (const [bytes, why] of [
      ['hello, this is text', 'it does not begin with the four bytes 00 61 73 6d'],
      [arithmetic(ADD).subarray(0, 60), 'it ends too early'],
    ] as const) {
      put('broken.wasm', bytes);
      expect((await lab.run(cell)).traceback.slice(0, 2)).toEqual([
        `EngineError: broken.wasm is no WebAssembly module: ${why}`,
        'code: cell.bad-file',
      ]);
    }
    const unknownInstruction = arithmetic(0xff);
    put('broken.wasm', unknownInstruction);
    expect((await lab.run(cell)).traceback[0]).toContain(
      'EngineError: broken.wasm is no WebAssembly module: WebAssembly.Module(): Compiling function #0 failed: Invalid opcode',
    );
    put('broken.wasm', arithmetic(ADD));
    expect((await lab.run(cell)).result).toBe('5');
  });

  test('that is missing is a type error, before and after it was there', async () => {
    const cell = "import { add } from './comes.wasm'\nadd(1, 1)";
    expect((await lab.run(cell)).traceback[0]).toContain("TS2307: Cannot find module './comes.wasm'");
    put('comes.wasm', arithmetic(ADD));
    expect((await lab.run(cell)).result).toBe('2');
    rmSync(join(lab.folder, 'comes.wasm'));
    expect((await lab.run(cell)).traceback[0]).toContain("TS2307: Cannot find module './comes.wasm'");
  });

  test('whose imports no module provides says which, and what to do', async () => {
    put('wants.wasm', caller('env'));
    expect((await lab.run("import { go } from './wants.wasm'\ngo(1)")).traceback.slice(0, 3)).toEqual([
      'EngineError: wants.wasm imports from "env", which is no module here',
      'code: cell.wasm-import',
      'remedy: Instantiate it in the cell: new WebAssembly.Instance(new WebAssembly.Module(bytes), imports), bytes from node:fs.',
    ]);
  });

  test('declared by its user is what the user says', async () => {
    put('mine.wasm', arithmetic(ADD));
    put('mine.d.wasm.ts', 'export declare function add(left: 1, right: 2): 3');
    expect((await lab.run("import { add } from './mine.wasm'\nconst three: 3 = add(1, 2)\nthree")).result).toBe('3');
    expect((await lab.run("import { same } from './mine.wasm'")).traceback[0]).toContain('TS2305');
  });

  test('in a folder completes by its name', async () => {
    mkdirSync(join(lab.folder, 'built'), { recursive: true });
    put('built/a.wasm', arithmetic(ADD));
    const code = "import { add } from './built/";
    expect((await lab.engine.complete(code, code.length)).matches).toEqual([{ text: 'a.wasm', type: 'file' }]);
    expect((await lab.run("import { add } from './built/a.wasm'\nadd(20, 1)")).result).toBe('21');
  });
});

describe("a WebAssembly file's outside", () => {
  test('a type form that is unknown leaves its functions without a type, not the file', () => {
    const bytes = Buffer.from([
      ...HEAD,
      ...section(1, [[0x5f, 0]]), // a struct, of the proposal for garbage collection
      ...section(3, [[0]]),
      ...section(7, [
        [...name('f'), 0, 0],
        [...name('g'), 3, 0],
      ]),
    ]);
    const { exports } = readWasm(bytes);
    expect(exports).toEqual([
      { name: 'f', kind: 'function', type: undefined },
      { name: 'g', kind: 'global', type: undefined },
    ]);
    expect(wasmDeclaration(exports)).toBe(`declare const $0: (...values: any[]) => any;
export { $0 as "f" };
declare const $1: WebAssembly.Global<any>;
export { $1 as "g" };
declare const $all: { readonly "f": typeof $0; readonly "g": typeof $1 };
export { $all as default };
`);
  });

  test('every cut and every changed byte is read or refused, never more', () => {
    const whole = arithmetic(ADD);
    for (let length = 0; length < whole.length; length++) {
      for (const byte of [0x00, 0x7f, 0x80, 0xff]) {
        const changed = Buffer.from(whole);
        changed[length] = byte;
        for (const bytes of [whole.subarray(0, length), changed]) {
          try {
            expect(readWasm(bytes).exports.length).toBeLessThan(256);
          } catch (error) {
            expect(String(error)).toMatch(/^(TypeError|RangeError): (it|its|one of its) /);
          }
        }
      }
    }
  });
});

describe('a JSON file', () => {
  test('gives its value as the default and its members by their names, also behind a TypeScript file', async () => {
    put('data.json', '{"size": 3, "a-b": [1]}');
    expect((await lab.run("import data, { size } from './data.json'\n[data['a-b'], size]")).result).toBe(
      '[ [ 1 ], 3 ]',
    );
    expect((await lab.run("import typed from './data.json' with { type: 'json' }\ntyped.size")).result).toBe('3');
    put('reads.ts', "import data, { size } from './data.json'\nexport const sum = data.size + size");
    expect((await lab.run("import { sum } from './reads'\nsum")).result).toBe('6');
    put('data.json', '{"size": 40, "a-b": []}');
    expect((await lab.run("import { sum } from './reads'\nsum")).result).toBe('80');
    put('list.json', '[1, 2, 3]');
    expect((await lab.run("import list from './list.json'\nlist.length")).result).toBe('3');
  });

  test('has the types of its value, new ones when it has changed', async () => {
    put('kind.json', '{"value": 3}');
    expect((await lab.run("import kind from './kind.json'\nkind.value.length")).traceback[0]).toContain('TS2339');
    put('kind.json', '{"value": "three"}');
    expect((await lab.run("import kind from './kind.json'\nkind.value.length")).result).toBe('5');
  });

  test('that is damaged says so, also behind a TypeScript file', async () => {
    put('half.json', '{"size": ');
    put('half.ts', "import half from './half.json'\nexport default half");
    for (const cell of ["import half from './half.json'", "import half from './half'"]) {
      expect((await lab.run(cell)).traceback.slice(0, 2)).toEqual([
        'EngineError: half.json is no JSON: Unexpected end of JSON input',
        'code: cell.bad-file',
      ]);
    }
  });
});
