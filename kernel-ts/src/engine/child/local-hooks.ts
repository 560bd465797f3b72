/**
 * Loader hooks for the notebook's own files: TypeScript is stripped by swc, JSON and WebAssembly become modules, and a file
 * hands the version in its URL on to the files it imports by relative names. Runs on Node's loader thread; knows no cell.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Options, transform } from '@swc/core';
import { complaintLines, parserComplaint } from '../complaint.js';
import { EngineError } from '../errors.js';
import { localFile } from '../local-files.js';
import { jsonModule, wasmModule } from './data-modules.js';

interface ResolveContext {
  readonly parentURL?: string;
}
interface Resolved {
  readonly url: string;
  readonly shortCircuit?: boolean;
  readonly format?: string;
}
interface Loaded {
  readonly format: string;
  readonly source: string;
  readonly shortCircuit: boolean;
}

/** A package, and relative imports of versioned files: the file that is meant, with the same version. */
export async function resolve(
  specifier: string,
  context: ResolveContext,
  next: (specifier: string, context: ResolveContext) => Promise<Resolved>,
): Promise<Resolved> {
  const [, name, asked] = /^([^./?][^:?]*)\?npulab=(.*)$/.exec(specifier) ?? [];
  if (name !== undefined) {
    const found = await next(name, context);
    return { ...found, url: found.url.startsWith('file:') ? `${found.url}?npulab=${asked}` : found.url };
  }
  const version = /[?&]npulab=([^&#]*)/.exec(context.parentURL ?? '')?.[1];
  if (version !== undefined && /^\.{1,2}\//.test(specifier) && context.parentURL !== undefined) {
    const file = localFile(fileURLToPath(new URL(specifier, context.parentURL)));
    if (file !== undefined) return next(`${pathToFileURL(file).href}?npulab=${version}`, context);
  }
  return next(specifier, context);
}

/** TypeScript files as ECMAScript modules, with their source map; WebAssembly, and JSON of the notebook, as modules too. */
export async function load<C>(
  url: string,
  context: C,
  next: (url: string, context: C) => Promise<Loaded>,
): Promise<Loaded> {
  if (!url.startsWith('file:')) return next(url, context);
  const { pathname, searchParams } = new URL(url);
  const filename = fileURLToPath(url.replace(/[?#].*$/, ''));
  if (pathname.endsWith('.wasm')) return moduleOf(wasmModule(filename, await readFile(filename)));
  if (pathname.endsWith('.json') && searchParams.has('npulab')) {
    return moduleOf(jsonModule(filename, await readFile(filename, 'utf8')));
  }
  if (!/\.([cm]?ts|tsx)$/.test(pathname)) return next(url, context);
  const source = await javaScript(filename, await readFile(filename, 'utf8'));
  return filename.endsWith('.cts') ? { format: 'commonjs', source, shortCircuit: true } : moduleOf(source);
}

async function javaScript(filename: string, text: string): Promise<string> {
  const options: Options = {
    filename,
    isModule: true,
    sourceMaps: 'inline',
    configFile: false,
    swcrc: false,
    module: { type: filename.endsWith('.cts') ? 'commonjs' : 'es6' },
    jsc: {
      parser: { syntax: 'typescript', decorators: true, tsx: filename.endsWith('.tsx') },
      target: 'es2022',
      transform: { decoratorVersion: '2022-03' },
    },
  };
  try {
    return (await transform(text, options)).code;
  } catch (error) {
    const complaint = { code: undefined, ...parserComplaint(error, text) };
    throw new EngineError('cell.bad-file', complaintLines(basename(filename), text, [complaint]).join('\n'));
  }
}

function moduleOf(source: string): Loaded {
  return { format: 'module', source, shortCircuit: true };
}
