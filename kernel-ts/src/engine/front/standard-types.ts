/**
 * The declarations of JavaScript and of Node as two files in place of a hundred and thirty. Knows how TypeScript names
 * its libraries, and no meaning. Surprise: what a check costs is counted in files and in declarations that are spread
 * over several of them (`interface Array` over nine), because the compiler merges those anew for each check; within one
 * file it merges them once.
 *
 * TypeScript takes a package `@typescript/lib-…` for a library where there is one (`libReplacement`): that of the first
 * library holds all, and those of the others nothing, so that a package which refers to one gets no second copy.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** What cells are typed against. */
export const LIBRARIES = ['es2023', 'esnext.disposable', 'esnext.decorators'] as const;

/** References count only at the top of a file; there a package says what it needs, and then begins. */
const HEAD_BYTES = 8 * 1024;
/** First in each file: what follows is no top any more, so that references in it are comments. */
const BEGIN = Buffer.from('interface __npulab_types {}\n');
const SEPARATOR = Buffer.from('\n');

/**
 * Writes both into `place`, which the configuration lies in, and gives the folder to find the types of Node in.
 *
 * @param compiler folder of the compiler's program, which its libraries lie beside
 * @param node folder of `@types/node`; without it there are no types of Node
 */
export function writeStandardTypes(place: string, compiler: string, node: string | undefined): void {
  const libraries = new Map<string, Buffer>();
  const add = (name: string): void => {
    if (libraries.has(name)) return;
    const text = readFileSync(join(compiler, `lib.${name}.d.ts`));
    libraries.set(name, text);
    for (const other of references(text, 'lib')) add(other);
  };
  for (const name of LIBRARIES) add(name);
  if (node !== undefined) writeNode(typesFolder(place), node, add);
  for (const name of libraries.keys()) writeFile(libraryFile(place, name), []);
  writeFile(libraryFile(place, LIBRARIES[0]), [...libraries.values()]);
}

/** Where `@types/node` stands in one file, for `typeRoots`. */
export function typesFolder(place: string): string {
  return join(place, 'types');
}

/** The scripts of `@types/node` in one file; its modules beside it as they are. */
function writeNode(types: string, node: string, addLibrary: (name: string) => void): void {
  const place = join(types, 'node');
  const scripts: Buffer[] = [];
  const modules: string[] = [];
  const seen = new Set<string>();
  const add = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file);
    for (const other of references(text, 'path')) add(join(dirname(file), other));
    for (const library of references(text, 'lib')) addLibrary(library);
    if (!isModule(text)) scripts.push(text);
    else {
      const name = relative(node, file);
      modules.push(`/// <reference path="${name}" />\n`);
      writeFile(join(place, name), [text]);
    }
  };
  add(join(node, 'index.d.ts'));
  writeFile(join(place, 'index.d.ts'), scripts, modules.join(''));
  linkPackages(place, node);
}

/** The packages that the types of Node import. */
function linkPackages(place: string, node: string): void {
  const { dependencies = {} } = JSON.parse(readFileSync(join(node, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  const require = createRequire(join(node, 'package.json'));
  mkdirSync(join(place, 'node_modules'), { recursive: true });
  for (const name of Object.keys(dependencies)) {
    symlinkSync(dirname(require.resolve(`${name}/package.json`)), join(place, 'node_modules', name));
  }
}

function references(text: Buffer, kind: 'lib' | 'path'): string[] {
  const head = text.toString('latin1', 0, HEAD_BYTES);
  return [...head.matchAll(/^\/\/\/\s*<reference\s+(lib|path)="([^"]+)"/gm)]
    .filter(([, its]) => its === kind)
    .map(([, , name]) => name as string);
}

function isModule(text: Buffer): boolean {
  return ['export ', 'import '].some((word) => text.indexOf(word) === 0 || text.includes(`\n${word}`));
}

/** `es2015.symbol.wellknown` → `@typescript/lib-es2015/symbol-wellknown`. */
function libraryFile(place: string, name: string): string {
  const [first, ...rest] = name.split('.');
  return join(
    place,
    'node_modules/@typescript',
    `lib-${first}`,
    `${rest.length === 0 ? 'index' : rest.join('-')}.d.ts`,
  );
}

function writeFile(file: string, texts: readonly Buffer[], head = ''): void {
  mkdirSync(dirname(file), { recursive: true });
  const parts = texts.flatMap((text) => [text, SEPARATOR]);
  writeFileSync(file, Buffer.concat([Buffer.from(head), BEGIN, ...parts]));
}
