/** What completes inside an import string: files beside the notebook, packages, what a package exports, built-in modules. */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import type { LiveName } from '../types.js';

/** Names that may stand in the string whose text up to the cursor is `typed`, and how much of it they replace. */
export interface ModuleNames {
  readonly matches: readonly LiveName[];
  /** The part of `typed` that the matches replace. */
  readonly prefix: string;
}

/** `declared` are the modules that the checker knows without any file. */
export function moduleNames(typed: string, folder: string, declared: readonly LiveName[]): ModuleNames {
  if (/^\.{0,2}\//.test(typed) || typed === '.' || typed === '..') {
    const last = typed.lastIndexOf('/') + 1;
    return { matches: filesIn(resolve(folder, last === 0 ? '.' : typed.slice(0, last))), prefix: typed.slice(last) };
  }
  const names = new Set(declared.map(({ text }) => text).filter((name) => !/^@[^/]*$/.test(name)));
  if (typed !== '' && !typed.startsWith('node:')) {
    for (const name of builtinModules) if (!name.startsWith('_')) names.add(name);
  }
  const within = /^(@[^/]+\/[^/]+|[^@/][^/]*)\//.exec(typed)?.[1];
  for (const modules of modulesFolders(folder)) {
    if (within === undefined) for (const name of packagesIn(modules)) names.add(name);
    else for (const name of exportsOf(join(modules, within))) names.add(`${within}/${name}`);
  }
  return { matches: [...names].map((text) => ({ text, type: 'module' })), prefix: typed };
}

function filesIn(folder: string): LiveName[] {
  return entriesOf(folder)
    .filter((entry) => !entry.name.startsWith('.'))
    .filter((entry) => entry.isDirectory() || /\.(m?[jt]s|tsx|cjs|json|wasm)$/.test(entry.name))
    .map((entry) =>
      entry.isDirectory() ? { text: `${entry.name}/`, type: 'folder' } : { text: entry.name, type: 'file' },
    );
}

/** Every `node_modules` that the folder sees. */
function* modulesFolders(folder: string): Generator<string> {
  for (let at = folder; ; at = dirname(at)) {
    yield join(at, 'node_modules');
    if (at === dirname(at)) return;
  }
}

function packagesIn(modules: string): string[] {
  return entriesOf(modules).flatMap(({ name }) => {
    if (name.startsWith('.') || name === '@types') return [];
    return name.startsWith('@') ? entriesOf(join(modules, name)).map((inner) => `${name}/${inner.name}`) : [name];
  });
}

/** Paths that a package lets one import, its root left out; patterns are not opened. */
function exportsOf(folder: string): string[] {
  let manifest: { readonly exports?: unknown };
  try {
    manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as typeof manifest;
  } catch {
    return [];
  }
  if (manifest.exports === undefined) return filesIn(folder).map(({ text }) => text);
  return Object.keys(manifest.exports as object)
    .filter((key) => key.startsWith('./') && !key.includes('*'))
    .map((key) => key.slice(2));
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // there is no such folder: nothing fits
  }
}
