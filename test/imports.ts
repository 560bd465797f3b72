// Who imports whom, read from the sources: static imports, re-exports, import() and import types, of relative paths and of
// the workspace's own packages. (The import checkers on the registry parse with compilers that do not know `using`.)
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const packages: Readonly<Record<string, string>> = {
  '@npulab/addon': 'addon/src/index.ts',
  '@npulab/board': 'board/client/src/index.ts',
  '@npulab/quant': 'quant/src/index.ts',
  '@npulab/kernel': 'kernel-ts/src/index.ts',
};

const specifiers = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)['"]([^'"\n]+)['"]/gm;

/** Files of the workspace that `path` (relative to `root`) imports, relative to `root`. Unresolvable paths are returned as they are. */
export function importsOf(root: string, path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(specifiers)].flatMap(([, specifier = '']) => {
    if (packages[specifier] !== undefined) return [packages[specifier]];
    if (!specifier.startsWith('.') || specifier.includes('${')) return [];
    const target = join(root, dirname(path), specifier);
    const source = [target.replace(/\.js$/, '.ts'), target].find((candidate) => existsSync(candidate));
    return [relative(root, source ?? target)];
  });
}

/** Files of a crate that one of its files names by `crate::…`, relative to `root`. A module's own children are no imports. */
export function rustImportsOf(root: string, crate: string, path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8').replace(/\/\/.*$/gm, '');
  const named = [...text.matchAll(/\bcrate::([a-z_0-9]+(?:::[a-z_0-9]+)*)/g)].flatMap(([, module = '']) => {
    const parts = module.split('::');
    // The longest path that is a module: what follows is something inside it.
    const tries = parts.map((_, left) => join(crate, 'src', ...parts.slice(0, parts.length - left)));
    const files = tries.flatMap((place) => [`${place}.rs`, join(place, 'mod.rs')]);
    return files.filter((file) => existsSync(join(root, file))).slice(0, 1);
  });
  return [...new Set(named)].filter((file) => file !== path);
}

/** Import circles, each as the list of files on it. */
export function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      found.push([...trail.slice(trail.indexOf(path)), path]);
      return;
    }
    state.set(path, 'open');
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}
