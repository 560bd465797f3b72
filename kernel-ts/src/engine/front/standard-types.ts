/**
 * The declarations of JavaScript and of Node as a dozen files in place of a hundred and thirty. Knows how TypeScript names
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
import { isOnDemand, withoutOnDemand } from './node-on-demand.js';

/** What cells are typed against. */
export const LIBRARIES = ['es2023', 'esnext.disposable', 'esnext.decorators'] as const;

/** Where the libraries stand, below the folder that the configuration lies in. */
export const LIBRARY_PACKAGES = 'node_modules';
/** Where `@types/node` stands, for `typeRoots`. */
export const NODE_TYPES = 'types';

/** References count only at the top of a file; there a package says what it needs, and then begins. */
const HEAD_BYTES = 8 * 1024;
/** About the size of the merged library: the compiler reads files side by side. */
const PART_BYTES = 640 * 1024;
/** First in each file: what follows is no top any more, so that references in it are comments. */
const BEGIN = Buffer.from('interface __npulab_types {}\n');
const SEPARATOR = Buffer.from('\n');

/**
 * Writes both into `place`, below which nothing is yet.
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
  mkdirSync(join(place, NODE_TYPES));
  if (node !== undefined) writeNode(join(place, NODE_TYPES, 'node'), node, add);
  for (const name of libraries.keys()) writeFile(libraryFile(place, name), []);
  writeFile(libraryFile(place, LIBRARIES[0]), [...libraries.values()]);
}

/** The scripts of `@types/node` in a few files; its modules beside them as they are, and so is what waits for an import. */
function writeNode(place: string, node: string, addLibrary: (name: string) => void): void {
  const scripts: Buffer[] = [];
  const modules: string[] = [];
  const seen = new Set<string>();
  const add = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file);
    for (const other of references(text, 'path')) add(join(dirname(file), other));
    for (const library of references(text, 'lib')) addLibrary(library);
    const name = relative(node, file);
    if (isOnDemand(name)) writeFile(join(place, name), [text]);
    else if (!isModule(text)) scripts.push(withoutOnDemand(text));
    else {
      modules.push(`/// <reference path="${name}" />\n`);
      writeFile(join(place, name), [text]);
    }
  };
  add(join(node, 'index.d.ts'));
  const parts = inParts(scripts).map((texts, part) => {
    writeFile(join(place, `part-${part}.d.ts`), texts);
    return `/// <reference path="part-${part}.d.ts" />\n`;
  });
  writeFile(join(place, 'index.d.ts'), [], [...modules, ...parts].join(''));
  linkPackages(place, node);
}

/** In the order given, as few parts as {@link PART_BYTES} allows. */
function inParts(texts: readonly Buffer[]): Buffer[][] {
  const parts: Buffer[][] = [];
  let sizeBytes = PART_BYTES;
  for (const text of texts) {
    if (sizeBytes + text.length > PART_BYTES) {
      parts.push([]);
      sizeBytes = 0;
    }
    parts.at(-1)?.push(text);
    sizeBytes += text.length;
  }
  return parts;
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
    LIBRARY_PACKAGES,
    '@typescript',
    `lib-${first}`,
    `${rest.length === 0 ? 'index' : rest.join('-')}.d.ts`,
  );
}

function writeFile(file: string, texts: readonly Buffer[], head = ''): void {
  mkdirSync(dirname(file), { recursive: true });
  const parts = texts.flatMap((text) => [text, SEPARATOR]);
  writeFileSync(file, Buffer.concat([Buffer.from(head), BEGIN, ...parts]));
}
