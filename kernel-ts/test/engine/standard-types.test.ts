import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compilerProgram } from '../../src/engine/front/checker-process.js';
import { placeStandardTypes } from '../../src/engine/front/kept-types.js';
import { LIBRARIES, NODE_TYPES, writeStandardTypes } from '../../src/engine/front/standard-types.js';

const place = mkdtempSync(join(tmpdir(), 'npulab-types-'));
afterAll(() => rmSync(place, { recursive: true }));

const require = createRequire(import.meta.url);
const node = dirname(require.resolve('@types/node/package.json'));
const compiler = dirname(await compilerProgram());
writeStandardTypes(place, compiler, node);
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

test('the types of Node are a few files of scripts, whose modules and packages are found beside them', () => {
  const references = text('types/node/index.d.ts').split('\n');
  expect(references).toEqual([
    '/// <reference path="globals.typedarray.d.ts" />',
    '/// <reference path="web-globals/abortcontroller.d.ts" />',
    '/// <reference path="web-globals/domexception.d.ts" />',
    '/// <reference path="web-globals/events.d.ts" />',
    '/// <reference path="web-globals/fetch.d.ts" />',
    ...[0, 1, 2].map((part) => `/// <reference path="part-${part}.d.ts" />`),
    'interface __npulab_types {}',
    '',
  ]);
  const parts = [0, 1, 2].map((part) => text(`types/node/part-${part}.d.ts`));
  for (const name of ['fs', 'node:fs/promises', 'worker_threads', 'node:crypto'])
    expect(parts.filter((part) => part.includes(`declare module "${name}" {`)).length).toBe(1);
  for (const part of parts) {
    expect(part.startsWith('interface __npulab_types {}\n')).toBe(true);
    expect(part).not.toMatch(/^(?:import|export) /m);
  }
  for (const name of ['inspector', 'node:test'])
    expect(parts.concat(text('types/node/http2.d.ts')).join('')).not.toContain(`declare module "${name}" {`);
  expect(text('types/node/http2.d.ts')).toContain('declare module "http2" {');
  expect(text('types/node/web-globals/fetch.d.ts')).toContain('declare global');
  const link = join(place, NODE_TYPES, 'node/node_modules/undici-types');
  expect(realpathSync(link)).toBe(realpathSync(join(node, '../../undici-types')));
});

describe('kept in a cache', () => {
  const home = mkdtempSync(join(tmpdir(), 'npulab-kept-'));
  const cache = join(home, 'cache/npulab');
  afterAll(() => rmSync(home, { recursive: true }));
  const newPlace = (name: string): string => {
    mkdirSync(join(home, name));
    return join(home, name);
  };
  const nodeIn = (folder: string): string => join(folder, NODE_TYPES, 'node/index.d.ts');

  test('they are written once, and every kernel after that reads the same files', () => {
    const [first, second] = [newPlace('first'), newPlace('second')];
    placeStandardTypes(first, { compiler, node }, cache);
    const written = statSync(nodeIn(first)).mtimeMs;
    placeStandardTypes(second, { compiler, node }, cache);
    expect(realpathSync(nodeIn(second))).toBe(realpathSync(nodeIn(first)));
    expect(statSync(nodeIn(second)).mtimeMs).toBe(written);
    expect(readdirSync(cache)).toEqual([expect.stringMatching(/^types-[0-9a-f]{16}$/)]);
    const [kept] = readdirSync(cache);
    expect(realpathSync(nodeIn(first))).toBe(join(realpathSync(cache), String(kept), NODE_TYPES, 'node/index.d.ts'));
  });

  test('are written again where a file of them was swept away or cut, or a link leads nowhere', () => {
    const [kept] = readdirSync(cache);
    const nodeTypes = join(cache, String(kept), NODE_TYPES, 'node');
    const [link] = readdirSync(join(nodeTypes, 'node_modules'));
    const damage = [
      () => rmSync(join(nodeTypes, 'part-0.d.ts')),
      () => writeFileSync(join(nodeTypes, 'part-0.d.ts'), 'interface Half {'),
      () => {
        rmSync(join(nodeTypes, 'node_modules', String(link)));
        symlinkSync(join(home, 'nowhere'), join(nodeTypes, 'node_modules', String(link)));
      },
    ];
    const whole = readFileSync(join(nodeTypes, 'part-0.d.ts'), 'utf8');
    for (const [index, harm] of damage.entries()) {
      harm();
      placeStandardTypes(newPlace(`swept-${index}`), { compiler, node }, cache);
      expect(readFileSync(join(nodeTypes, 'part-0.d.ts'), 'utf8')).toBe(whole);
      expect(existsSync(join(nodeTypes, 'node_modules', String(link), 'package.json'))).toBe(true);
      expect(readdirSync(cache)).toEqual([kept]);
    }
  });

  const DAY_MS = 24 * 60 * 60 * 1000;
  const setTime = (folder: string, timeMs: number): void => utimesSync(folder, timeMs / 1000, timeMs / 1000);

  test('what no install has used for sixty days is removed, and so is what a killed kernel left, but nothing in use', () => {
    const [kept] = readdirSync(cache) as [string];
    const nowMs = statSync(join(cache, kept)).mtimeMs;
    const old = `types-${'0'.repeat(16)}`;
    const younger = `types-${'1'.repeat(16)}`;
    for (const [name, ageDays] of [
      [old, 61],
      [younger, 59],
      [`${old}-Ab12Cd`, 2],
      [`${younger}-Ab12Cd`, 0.5],
      ['types-of-somebody-else', 400],
    ] as const) {
      mkdirSync(join(cache, name));
      writeFileSync(join(cache, name, 'a.d.ts'), '');
      setTime(join(cache, name), nowMs - ageDays * DAY_MS);
    }
    setTime(join(cache, kept), nowMs - 100 * DAY_MS); // used again just now, by the call that sweeps
    placeStandardTypes(newPlace('sweeper'), { compiler, node }, cache, nowMs);
    const expected = [kept, younger, `${younger}-Ab12Cd`, 'types-of-somebody-else'];
    expect(readdirSync(cache).sort()).toEqual(expected.sort());
    expect(Math.round(statSync(join(cache, kept)).mtimeMs)).toBe(Math.round(nowMs));
    for (const name of expected) if (name !== kept) rmSync(join(cache, name), { recursive: true });
  });

  test('a kernel whose declarations were swept has them again before they are read anew', () => {
    const longRunning = newPlace('long-running');
    placeStandardTypes(longRunning, { compiler, node }, cache);
    rmSync(cache, { recursive: true });
    expect(existsSync(nodeIn(longRunning))).toBe(false);
    placeStandardTypes(longRunning, { compiler, node }, cache);
    expect(existsSync(nodeIn(longRunning))).toBe(true);
    expect(readdirSync(cache).length).toBe(1);
  });

  test('without the types of Node there are others', () => {
    const bare = newPlace('bare');
    placeStandardTypes(bare, { compiler, node: undefined }, cache);
    expect(readdirSync(join(bare, NODE_TYPES))).toEqual([]);
    expect(readdirSync(cache).length).toBe(2);
  });

  test('where the cache cannot be written, each kernel has its own', () => {
    writeFileSync(join(home, 'a-file'), '');
    const own = newPlace('own');
    placeStandardTypes(own, { compiler, node }, join(home, 'a-file'));
    expect(realpathSync(nodeIn(own))).toBe(join(realpathSync(own), NODE_TYPES, 'node/index.d.ts'));
  });
});
