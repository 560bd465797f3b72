/**
 * JSON and WebAssembly files as the text of an ECMAScript module: every export by its name, and all of them as the default.
 * Knows no loader.
 */
import { basename } from 'node:path';
import { EngineError } from '../errors.js';
import { readWasm } from '../wasm.js';

/** A JSON file's value. */
export function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EngineError('cell.bad-file', `${basename(file)} is no JSON: ${(cause as Error).message}`);
  }
}

/** The names under which a module gives a JSON value out. */
export function jsonExports(value: unknown): Record<string, unknown> {
  return { ...(typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}), default: value };
}

/** A module with a JSON file's value as its default, and its members by their names. */
export function jsonModule(file: string, text: string): string {
  const value = parseJson(file, text);
  const names = Object.keys(jsonExports(value)).filter((name) => name !== 'default');
  return [
    `const all = JSON.parse(${JSON.stringify(text)});`,
    ...exportLines(names, (name) => `all[${JSON.stringify(name)}]`),
    'export { all as default };',
  ].join('\n');
}

/** A module that instantiates a WebAssembly file with the modules that it imports. */
export function wasmModule(file: string, bytes: Uint8Array): string {
  let outline: ReturnType<typeof readWasm>;
  try {
    outline = readWasm(bytes);
  } catch (cause) {
    throw badWasm(basename(file), cause as Error);
  }
  const names = outline.exports.map((one) => one.name);
  return [
    "import { readFileSync } from 'node:fs';",
    ...outline.imports.map((from, index) => `import * as import${index} from ${JSON.stringify(from)};`),
    `const imports = { ${outline.imports.map((from, index) => `${JSON.stringify(from)}: import${index}`).join(', ')} };`,
    `const code = new WebAssembly.Module(readFileSync(${JSON.stringify(file)}));`,
    'const all = new WebAssembly.Instance(code, imports).exports;',
    ...exportLines(names, (name) => `all[${JSON.stringify(name)}]`),
    ...(names.includes('default') ? [] : ['export { all as default };']),
  ].join('\n');
}

/** An error of loading a local file, in words about the file that caused it; others as they are. */
export function explainedImport(error: unknown): unknown {
  const { code, message = '', name, stack = '' } = error as Partial<Error> & { code?: string };
  // Ours, from the loader's thread: its frames are no help.
  if (code === 'cell.bad-file') return new EngineError(code, message);
  if (name === 'CompileError') return badWasm(/([^/\s()]+\.wasm)/.exec(stack)?.[1] ?? 'a file', { message });
  if (name === 'SyntaxError' && / does not provide an export named /.test(message)) {
    const by = /([^/\s()]+\.[cm]?tsx?)(?:\?\S*)?:\d+/.exec(stack)?.[1];
    return new EngineError('cell.missing-export', by === undefined ? message : `${by}: ${message}`);
  }
  if (code !== 'ERR_MODULE_NOT_FOUND') return error;
  const from = /Cannot find (?:package|module) '([^']*)' imported from .*?([^/]+\.wasm)/.exec(message);
  if (from === null) return withRemedy(error as Error);
  return new EngineError(
    'cell.wasm-import',
    `${from[2]} imports from ${JSON.stringify(from[1])}, which is no module here`,
  );
}

/** Node's own error, as the code of a cell may ask for its `code`, without the file that stands for the cells. */
function withRemedy(error: Error): Error {
  error.message = error.message.replace(/ imported from \S*__npulab_cell\.mjs/, '');
  return Object.defineProperty(error, 'remedy', {
    value: "A package: npm install it in the notebook's folder. A file: correct its name. Then run the cell again.",
  });
}

function badWasm(name: string, cause: { readonly message: string }): EngineError {
  return new EngineError('cell.bad-file', `${name} is no WebAssembly module: ${cause.message}`);
}

function exportLines(names: readonly string[], value: (name: string) => string): string[] {
  return names.flatMap((name, index) => [
    `const export${index} = ${value(name)};`,
    `export { export${index} as ${JSON.stringify(name)} };`,
  ]);
}
