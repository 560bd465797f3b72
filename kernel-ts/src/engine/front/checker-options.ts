/**
 * What cells are checked against: the compiler's options, and the names that exist without any cell. Knows packages and
 * where they lie; refuses to know the compiler.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { onDemandPaths } from './node-on-demand.js';
import { LIBRARIES, NODE_TYPES } from './standard-types.js';

const require = createRequire(import.meta.url);

/** Folders that the options name, and types of modules that only the kernel has. */
export interface CheckerPlaces {
  /** The notebook's. */
  readonly folder: string;
  /** What `rootDirs` joins with `/`. */
  readonly root: string;
  /** The checker's own. */
  readonly own: string;
  readonly moduleTypes: Readonly<Record<string, string>>;
}

/** The options of the session's project. */
export function compilerOptions({ folder, root, own, moduleTypes }: CheckerPlaces): Record<string, unknown> {
  const node = nodeTypes();
  return {
    strict: true,
    target: 'esnext',
    lib: LIBRARIES,
    libReplacement: true,
    module: 'esnext',
    moduleResolution: 'bundler',
    customConditions: ['node'],
    types: node === undefined ? [] : ['node'],
    typeRoots: typeRoots(folder, node, own),
    rootDirs: [root, '/'],
    noEmit: true,
    allowUmdGlobalAccess: true,
    allowImportingTsExtensions: true,
    allowArbitraryExtensions: true,
    resolveJsonModule: true,
    skipLibCheck: true,
    paths: {
      ...(node === undefined || hasOwnNode(folder, node) ? {} : onDemandPaths(join(own, NODE_TYPES, 'node'))),
      ...ownPackages(folder),
      ...Object.fromEntries(Object.entries(moduleTypes).map(([name, types]) => [name, [types]])),
    },
  };
}

/** Folder of `@types/node`. */
export function nodeTypes(): string | undefined {
  try {
    return dirname(require.resolve('@types/node/package.json'));
  } catch {
    return undefined;
  }
}

/** Where types without an import are found: those of Node in a few files, unless the notebook's folder has its own. */
function typeRoots(folder: string, node: string | undefined, own: string): string[] {
  const theirs = typesIn(folder);
  if (node === undefined) return [theirs];
  return [...(isOurs(theirs, node) ? [] : [theirs]), join(own, NODE_TYPES), dirname(node)];
}

/** Whether the notebook's folder brings types of Node that are not the kernel's. */
function hasOwnNode(folder: string, node: string): boolean {
  const theirs = typesIn(folder);
  return existsSync(join(theirs, 'node')) && !isOurs(theirs, node);
}

function typesIn(folder: string): string {
  return join(folder, 'node_modules/@types');
}

function isOurs(types: string, node: string): boolean {
  return existsSync(types) && realpathSync(types) === realpathSync(dirname(node));
}

/** `@npulab/*` from the kernel's install, where the notebook's folder has none. */
function ownPackages(folder: string): Record<string, string[]> {
  const paths: Record<string, string[]> = {};
  const { resolve } = createRequire(join(folder, 'cell.mjs'));
  for (const name of ['@npulab/board', '@npulab/quant', '@npulab/addon']) {
    if (packageFolder(name, resolve.paths(name)) !== undefined) continue;
    const found = packageFolder(name, require.resolve.paths(name));
    const types = found === undefined ? undefined : typesOf(found);
    if (types !== undefined) paths[name] = [types];
  }
  return paths;
}

/** The first of the folders that has the package. */
function packageFolder(name: string, folders: readonly string[] | null): string | undefined {
  return folders?.map((folder) => join(folder, name)).find((place) => existsSync(join(place, 'package.json')));
}

/** The declarations that a package names for itself. */
function typesOf(place: string): string | undefined {
  const { exports } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as {
    exports?: { '.'?: { types?: string } };
  };
  const types = exports?.['.']?.types;
  return types === undefined ? undefined : join(place, types);
}

/** Names that exist without any cell: Node's, and those of the lab's declarations. */
export function knownGlobals(globalsTypes: string | undefined): ReadonlySet<string> {
  const names = new Set(Object.getOwnPropertyNames(globalThis));
  for (const name of ['require', 'module', 'exports', '__dirname', '__filename']) names.add(name);
  if (globalsTypes !== undefined) {
    let text = '';
    try {
      text = readFileSync(globalsTypes, 'utf8');
    } catch {
      // no declarations: the checker will say that the names are unknown
    }
    for (const match of text.matchAll(
      /^\s*(?:export\s+)?(?:declare\s+)?(?:const|let|var|function|class|namespace|interface|type|enum)\s+([\p{ID_Start}$_][\p{ID_Continue}$]*)/gmu,
    )) {
      names.add(match[1] as string);
    }
  }
  return names;
}
