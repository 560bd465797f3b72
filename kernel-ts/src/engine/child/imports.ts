/**
 * The import function of cells: resolves from the notebook's folder by a real `import()`, so ESM-only packages and
 * modules with top-level await work. Knows no syntax. Surprise: local files get a version in their URL, made of the
 * times of all local files they reach, so that an edited file is new code.
 */
import { readFileSync, statSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { constants, Script } from 'node:vm';
import { localFile, reachedFiles } from '../local-files.js';
import { explainedImport, jsonExports, parseJson } from './data-modules.js';
import { hideFrames } from './frames.js';

type Namespace = Record<string, unknown>;

/** What a cell's compiled text calls. */
export interface CellImports {
  /** `import … from specifier`; `wanted` are the names asked for. */
  import(specifier: string, wanted?: readonly string[]): Promise<Namespace>;
  /** `import(specifier)`. */
  dynamicImport(specifier: unknown, options?: unknown): Promise<Namespace>;
  /** `import.meta`. */
  readonly meta: Record<string, unknown>;
  /** `require`, from the notebook's folder. */
  readonly require: NodeJS.Require;
}

let hooksRegistered = false;

/** Creates the import function for cells that lie in `folder`; `provided` are modules that no folder holds. */
export function createImports(folder: string, provided: () => Readonly<Record<string, Namespace>>): CellImports {
  const referrer = join(folder, '__npulab_cell.mjs');
  hideFrames([referrer]);
  const requireFromFolder = createRequire(referrer);
  withoutLoaderNote();
  const importFromFolder = new Script('(specifier) => import(specifier)', {
    filename: referrer,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }).runInThisContext() as (specifier: string) => Promise<Namespace>;
  const importHooked = async (specifier: string): Promise<Namespace> => {
    if (!hooksRegistered) {
      hooksRegistered = true;
      process.setSourceMapsEnabled(true); // before the first file is compiled: frames ask for its map
      register('./local-hooks.js', import.meta.url);
    }
    try {
      return await importFromFolder(specifier);
    } catch (error) {
      throw explainedImport(error);
    }
  };
  const load = async (specifier: string): Promise<Namespace> => {
    const own = Object.hasOwn(provided(), specifier) ? provided()[specifier] : undefined;
    if (own !== undefined) return own;
    const path = localPath(specifier, folder);
    if (path !== undefined) {
      const file = localFile(path) ?? path;
      if (file.endsWith('.json')) return jsonExports(parseJson(file, readFileSync(file, 'utf8')));
      return importHooked(`${pathToFileURL(file).href}?npulab=${graphVersion(file)}`);
    }
    if (specifier.endsWith('.json')) return jsonExports(requireFromFolder(specifier));
    try {
      return await importFromFolder(specifier);
    } catch (error) {
      // A package with WebAssembly in it. Node remembers that it failed, so it is loaded under another address.
      if (isUnknownWasm(error)) return importHooked(`${specifier}?npulab=package`);
      const file = withoutEnding(specifier, error, requireFromFolder);
      if (file !== undefined) return importFromFolder(pathToFileURL(file).href);
      const ours = specifier.startsWith('@npulab/') && (error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND';
      if (ours && String((error as Error).message).includes(specifier)) return (await import(specifier)) as Namespace;
      throw explainedImport(error);
    }
  };
  return {
    import: async (specifier, wanted = []) =>
      withDefaultNames(withExports(await load(specifier), requireFromFolder), wanted),
    dynamicImport: async (specifier) => withExports(await load(String(specifier)), requireFromFolder),
    meta: Object.freeze({
      url: pathToFileURL(referrer).href,
      dirname: folder,
      filename: referrer,
      resolve: (specifier: string) => pathToFileURL(requireFromFolder.resolve(specifier)).href,
    }),
    require: requireFromFolder,
  };
}

function isUnknownWasm(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return code === 'ERR_UNKNOWN_FILE_EXTENSION' && message?.includes('".wasm"') === true;
}

function localPath(specifier: string, folder: string): string | undefined {
  if (specifier.startsWith('file:')) return fileURLToPath(specifier);
  if (/^\.{1,2}(\/|$)/.test(specifier)) return resolve(folder, specifier);
  return specifier.startsWith('/') ? specifier : undefined;
}

/**
 * The file of a package that is named without its ending (`dayjs/plugin/utc`) or as a folder (`fp-ts/Option`): Node's
 * `import` refuses what `require`, bundlers and the checker understand.
 */
function withoutEnding(specifier: string, error: unknown, require: NodeJS.Require): string | undefined {
  const { code, message = '' } = error as { code?: string; message?: string };
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'ERR_UNSUPPORTED_DIR_IMPORT') return undefined;
  if (!message.includes(`/node_modules/${specifier}'`)) return undefined;
  try {
    return require.resolve(specifier);
  } catch {
    return undefined;
  }
}

/**
 * A CommonJS module with all that it exports under its name, as its types say: Node finds only the names that it can read
 * off the text, so that `import * as _ from 'lodash'` would have none. Getters stay getters until they are asked.
 */
function withExports(module: Namespace, require: NodeJS.Require): Namespace {
  const exports = module.default as Namespace | null | undefined;
  if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) return module;
  const missing = Object.keys(exports).filter((name) => !(name in module));
  if (missing.length === 0 || !Object.values(require.cache).some((one) => one?.exports === exports)) return module;
  const whole: Namespace = { ...module };
  for (const name of missing)
    Object.defineProperty(whole, name, { enumerable: true, configurable: true, get: () => exports[name] });
  return whole;
}

/** Names that a CommonJS module has on its `module.exports` only. */
function withDefaultNames(module: Namespace, wanted: readonly string[]): Namespace {
  const missing = wanted.filter((name) => !(name in module));
  if (missing.length === 0) return module;
  const exports = module.default as Namespace | undefined;
  if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) return module;
  const result: Namespace = { ...module };
  for (const name of missing) if (name in exports) result[name] = exports[name];
  return result;
}

/** Changes when the file or any local file it reaches by relative imports changes. */
function graphVersion(file: string): string {
  return [...reachedFiles(file)]
    .map((path) => {
      const found = statSync(path, { throwIfNoEntry: false });
      return found === undefined ? '0' : `${Math.round(found.mtimeMs * 1000).toString(36)}-${found.size.toString(36)}`;
    })
    .join('.');
}

/** Keeps Node's note that an option of `vm` is experimental out of the first cell that imports. */
function withoutLoaderNote(): void {
  const emit = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    if (String(warning).includes('USE_MAIN_CONTEXT_DEFAULT_LOADER')) return;
    (emit as (...args: unknown[]) => void).call(process, warning, ...rest);
  }) as typeof process.emitWarning;
}
