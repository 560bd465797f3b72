/**
 * Modules of Node whose declarations the compiler reads when a text imports one of them: a quarter of all that `@types/node`
 * declares, and of the memory that takes. Knows names and files, no meaning. None of them declares a global name, and no module
 * that is always read imports one. Surprise: `process.getBuiltinModule` names the types of all, so for these it gives `any`.
 *
 * `paths` leads to the file, which is a script with `declare module` in it: once it is read, the module is declared.
 */
import { join } from 'node:path';

/** File of `@types/node`, without its ending → names of the modules that it declares. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  'inspector.generated': bothWays('inspector', 'inspector/promises'),
  test: ['node:test', 'node:test/reporters'],
  sea: ['node:sea'],
  ...Object.fromEntries(
    ['cluster', 'http2', 'https', 'repl', 'v8', 'wasi', 'zlib'].map((name) => [name, bothWays(name)]),
  ),
};

/** Whether a file of `@types/node`, named from its folder, waits for an import. */
export function isOnDemand(file: string): boolean {
  return file.replace(/\.d\.ts$/, '') in MODULES;
}

/** For the compiler's `paths`: where the modules are declared, in a folder that has the types of Node. */
export function onDemandPaths(node: string): Record<string, string[]> {
  const paths: Record<string, string[]> = {};
  for (const [file, names] of Object.entries(MODULES))
    for (const name of names) paths[name] = [join(node, `${file}.d.ts`)];
  return paths;
}

/** A text of `@types/node` that is always read, without the types of what waits. */
export function withoutOnDemand(text: Buffer): Buffer {
  const names = Object.values(MODULES).flat().join('|');
  const latin1 = text.toString('latin1').replace(new RegExp(`\\btypeof import\\("(?:${names})"\\)`, 'g'), 'any');
  return Buffer.from(latin1, 'latin1');
}

function bothWays(...names: readonly string[]): string[] {
  return names.flatMap((name) => [name, `node:${name}`]);
}
