/** Packages as npm leaves them in the notebook's folder: with types and without, not there yet, and not there at all. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { GLOBALS, startLab } from './harness.js';

const lab = startLab(GLOBALS);
afterAll(() => lab.close());

function install(name: string, files: Readonly<Record<string, string>>): void {
  const folder = join(lab.folder, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
}

test('a package without types runs, its values are any, and that is said once with what brings types', async () => {
  install('plainpad', {
    'package.json': '{ "name": "plainpad", "version": "1.0.0", "main": "index.js" }',
    'index.js': 'module.exports = { pad: (text) => text + "." }',
  });
  const first = await lab.run("import { pad } from 'plainpad'\npad('a')");
  expect(first.result).toBe("'a.'");
  expect(first.stderr).toBe(
    "'plainpad' comes without types: what it exports is any. Where they exist, `npm i --save-dev @types/plainpad` brings them.\n",
  );
  expect((await lab.run("import plain from 'plainpad'\nplain.pad(1)")).stderr).toBe('');
});

test('types that are installed during the session count for the next import', async () => {
  install('@types/plainpad', {
    'package.json': '{ "name": "@types/plainpad", "version": "1.0.0", "types": "index.d.ts" }',
    'index.d.ts': 'export function pad(text: string): string',
  });
  const { outcome } = await lab.run("import { pad } from 'plainpad'\npad(1)");
  expect(outcome).toMatchObject({
    status: 'error',
    evalue: expect.stringContaining(
      "TS2345: Argument of type 'number' is not assignable to parameter of type 'string'.",
    ),
  });
});

test('a package that is missing at run time keeps the code of Node, and says what to do', async () => {
  await lab.run("const missing = 'not-here-yet'");
  const { traceback } = await lab.run('await import(missing)');
  expect(traceback).toEqual([
    "Error: Cannot find package 'not-here-yet'",
    'code: ERR_MODULE_NOT_FOUND',
    "remedy: A package: npm install it in the notebook's folder. A file: correct its name. Then run the cell again.",
    expect.stringMatching(/^ {4}at \(cell \d+, line 1:7\)$/),
  ]);
  install('not-here-yet', {
    'package.json': '{ "name": "not-here-yet", "type": "module", "exports": "./index.js" }',
    'index.js': 'export const here = true',
  });
  expect((await lab.run('(await import(missing)).here')).result).toBe('true');
});

test('what a file of the notebook imports in vain is named without frames of the kernel', async () => {
  lab.write('reaches.ts', "export { z } from 'nowhere-at-all'\n");
  const { traceback } = await lab.run("import './reaches.ts'");
  expect(traceback[0]).toBe(
    `Error: Cannot find package 'nowhere-at-all' imported from ${join(lab.folder, 'reaches.ts')}`,
  );
  expect(traceback.filter((line) => line.startsWith('    at '))).toEqual([]);
});

test('a type that a file gives on as if it were a value is named with its file', async () => {
  lab.write('shape.ts', 'export interface Shape { area: number }\nexport const unit: Shape = { area: 1 }\n');
  lab.write('again.ts', "import { Shape, unit } from './shape'\nexport { Shape, unit }\n");
  const { traceback } = await lab.run("import { unit } from './again'");
  expect(traceback.slice(0, 2)).toEqual([
    "EngineError: again.ts: The requested module './shape' does not provide an export named 'Shape'",
    'code: cell.missing-export',
  ]);
});

test('a file that asks CommonJS for a name that Node does not see is told to take the default', async () => {
  install('hides', {
    'package.json': '{ "name": "hides", "version": "1.0.0" }',
    'index.js': 'module["exp" + "orts"].inner = 1',
    'index.d.ts': 'export const inner: number',
  });
  lab.write('asks.ts', "import { inner } from 'hides'\nexport const outer = inner\n");
  const { traceback } = await lab.run("import { outer } from './asks'");
  expect(traceback[2]).toMatch(/Of a CommonJS package a file imports the default/);
  lab.write('asks.ts', "import hides from 'hides'\nexport const outer = hides.inner\n");
  expect((await lab.run("import { outer } from './asks'\nouter")).result).toBe('1');
});

test('declare global counts for later cells while a name of its cell lives', async () => {
  await lab.run('declare global { interface Array<T> { ownLast(): T } }\nexport const augmented = true');
  const later = await lab.run(
    'Array.prototype.ownLast = function () { return this[this.length - 1] };\n[1, 2].ownLast()',
  );
  expect(later.result).toBe('2');
});

test('a .cts file is CommonJS, typed, and stands for the .cjs that imports name', async () => {
  lab.write('old.cts', "const count: number = 2\nexport = { count, label: 'two' }\n");
  const both = await lab.run(
    "import old from './old.cjs'\nimport { label } from './old.cts'\nold.count + label.length",
  );
  expect(both.result).toBe('5');
});

test('a CommonJS package has under `import * as` and `import()` what its types say, and a getter is not asked before its user', async () => {
  install('whole', {
    'package.json': '{ "name": "whole", "version": "1.0.0", "main": "index.js", "types": "index.d.ts" }',
    'index.js':
      'const all = module["exp" + "orts"]; for (const n of ["one", "two"]) all[n] = () => n\nObject.defineProperty(all, "late", { enumerable: true, get() { console.log("asked"); return 3 } })',
    'index.d.ts': 'export function one(): string\nexport function two(): string\nexport const late: number',
  });
  const whole = await lab.run("import * as whole from 'whole'\nwhole.one() + (await import('whole')).two()");
  expect([whole.result, whole.stdout]).toEqual(["'onetwo'", '']);
  expect((await lab.run('whole.late')).stdout).toBe('asked\n');
});

test('a file of a package may be named without its ending, and a folder by its name, as the checker has it', async () => {
  install('parts', { 'package.json': '{ "name": "parts", "version": "1.0.0" }' });
  install('parts/plugin', {
    'utc.js': 'module.exports = "utc"',
    'utc.d.ts': 'declare const utc: string; export = utc',
  });
  install('parts/Option', {
    'package.json': '{ "main": "../lib.js", "types": "../lib.d.ts" }',
    '../lib.js': 'exports.some = 1',
    '../lib.d.ts': 'export const some: number',
  });
  const both = await lab.run("import utc from 'parts/plugin/utc'\nimport { some } from 'parts/Option'\nutc + some");
  expect(both.result).toBe("'utc1'");
});
