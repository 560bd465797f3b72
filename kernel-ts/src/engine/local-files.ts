/** The notebook's own files: which one a local import means, and which ones a file reaches by such imports. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { readWasm } from './wasm.js';

const ENDINGS = ['', '.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.json', '/index.ts', '/index.js'];

/**
 * The existing file that `path` (absolute, as written) means: as written, `.js` for a `.ts` source, without extension, or
 * a folder's index; undefined if there is none.
 */
export function localFile(path: string): string | undefined {
  for (const ending of ENDINGS) if (isFile(path + ending)) return path + ending;
  const source = path.replace(/\.([cm]?)js$/, '.$1ts');
  return source !== path && isFile(source) ? source : undefined;
}

/** Relative module names that a TypeScript or JavaScript text imports, as far as a look at it tells. */
export function relativeImports(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*(['"])(\.{1,2}\/[^'"]+)\1/g)].map((match) => match[2] as string);
}

/** The file and all local files that it reaches by relative imports; packages are left out. */
export function reachedFiles(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file) || file.includes('/node_modules/')) return seen;
  seen.add(file);
  for (const specifier of importsOf(file)) {
    const next = localFile(resolve(dirname(file), specifier));
    if (next !== undefined) reachedFiles(next, seen);
  }
  return seen;
}

function importsOf(file: string): string[] {
  if (file.endsWith('.json')) return [];
  try {
    if (!file.endsWith('.wasm')) return relativeImports(readFileSync(file, 'utf8'));
    return readWasm(readFileSync(file)).imports.filter((name) => /^\.{1,2}\//.test(name));
  } catch {
    return []; // whoever loads the file says what is wrong with it
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
