import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compilerProgram } from '../../src/engine/front/checker-process.js';
import { LIBRARIES, typesFolder, writeStandardTypes } from '../../src/engine/front/standard-types.js';

const place = mkdtempSync(join(tmpdir(), 'npulab-types-'));
afterAll(() => rmSync(place, { recursive: true }));

const require = createRequire(import.meta.url);
const node = dirname(require.resolve('@types/node/package.json'));
writeStandardTypes(place, dirname(await compilerProgram()), node);
const text = (path: string): string => readFileSync(join(place, path), 'utf8');
const library = (path: string): string => text(`node_modules/@typescript/${path}.d.ts`);

test('the first library holds all that the libraries refer to, and the others hold nothing', () => {
  const all = library('lib-es2023/index');
  for (const declaration of [
    'interface Array<T> {\n    /**\n     * Gets or sets the length',
    'findLastIndex(',
    'interface SymbolConstructor {\n    /**\n     * A method that is used to release resources',
    'interface ClassDecoratorContext<',
  ]) {
    expect(all).toContain(declaration);
  }
  const nothing = 'interface __npulab_types {}\n';
  for (const path of ['lib-es5/index', 'lib-es2015/symbol-wellknown', 'lib-esnext/disposable', 'lib-esnext/decorators'])
    expect(library(path)).toBe(nothing);
  expect(() => library('lib-dom/index')).toThrow('ENOENT');
  expect(LIBRARIES[0]).toBe('es2023');
});

test('the types of Node are one file of scripts, whose modules and packages are found beside it', () => {
  const all = text('types/node/index.d.ts');
  const [head = '', body = ''] = all.split('interface __npulab_types {}\n');
  expect(head.split('\n').filter((line) => line !== '')).toEqual([
    '/// <reference path="globals.typedarray.d.ts" />',
    '/// <reference path="web-globals/abortcontroller.d.ts" />',
    '/// <reference path="web-globals/domexception.d.ts" />',
    '/// <reference path="web-globals/events.d.ts" />',
    '/// <reference path="web-globals/fetch.d.ts" />',
  ]);
  for (const name of ['fs', 'node:fs/promises', 'worker_threads', 'node:test'])
    expect(body).toContain(`declare module "${name}" {`);
  expect(body).not.toMatch(/^(?:import|export) /m);
  expect(text('types/node/web-globals/fetch.d.ts')).toContain('declare global');
  const link = join(typesFolder(place), 'node/node_modules/undici-types');
  expect(realpathSync(link)).toBe(realpathSync(join(node, '../../undici-types')));
});
