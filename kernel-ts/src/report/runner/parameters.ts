/**
 * Parameters by papermill's conventions: the cell tagged `parameters` holds the defaults, a cell tagged
 * `injected-parameters` follows it (or opens the notebook) and is replaced on the next run.
 */
import { parse as parseYaml } from 'yaml';
import { type Cell, joined, type Notebook } from '../notebook.js';
import { RunnerError } from './errors.js';
import { freshId } from './notebook-file.js';

/** Values that a parameter can have. */
export type ParameterValue = string | number | boolean | null | ParameterValue[] | { [name: string]: ParameterValue };
/** Name → value, in the order of the declarations. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

const injectedTag = 'injected-parameters';
const namePattern = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** `name=value`: JSON where it is JSON, text where not. @throws RunnerError `runner.bad-parameter`. */
export function parseParameter(text: string): [name: string, value: ParameterValue] {
  const at = text.indexOf('=');
  if (at < 1) throw new RunnerError('runner.bad-parameter', `"${text}" is not name=value`);
  const [name, value] = [text.slice(0, at).trim(), text.slice(at + 1)];
  checkName(name);
  try {
    return [name, JSON.parse(value)];
  } catch {
    return [name, value];
  }
}

/**
 * A YAML (or JSON) mapping of names to values, as papermill's `-y` and `-f` take it.
 *
 * @throws RunnerError `runner.bad-parameter` naming what is wrong with it.
 */
export function parseParameterText(text: string, source: string): Parameters {
  let value: unknown;
  try {
    value = parseYaml(text, { maxAliasCount: 100 });
  } catch (cause) {
    const [line] = (cause as Error).message.split('\n');
    throw new RunnerError('runner.bad-parameter', `${source} is not YAML: ${line}`, { cause });
  }
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new RunnerError('runner.bad-parameter', `${source} is not a mapping of names to values`);
  }
  for (const name of Object.keys(value)) checkName(name);
  return value as Parameters;
}

/** True where the cell carries the tag. */
export function hasTag(cell: Cell, tag: string): boolean {
  return Array.isArray(cell.metadata.tags) && cell.metadata.tags.includes(tag);
}

/** The notebook with its injected cell; without parameters, the notebook without one. */
export function inject(notebook: Notebook, parameters: Parameters): Notebook {
  const old = notebook.cells.find((cell) => hasTag(cell, injectedTag));
  const cells = notebook.cells.filter((cell) => !hasTag(cell, injectedTag));
  const { papermill: _, ...metadata } = notebook.metadata;
  if (Object.keys(parameters).length === 0) return { ...notebook, metadata, cells };
  const source = parameterCode(parameters);
  const taken = new Set(cells.map((cell) => cell.id ?? ''));
  const injected: Cell = {
    id: old?.id ?? (taken.has(injectedTag) ? freshId(injectedTag, taken) : injectedTag),
    cell_type: 'code',
    metadata: { tags: [injectedTag] },
    source,
    execution_count: null,
    outputs: [],
  };
  const at = cells.findIndex((cell) => hasTag(cell, 'parameters')) + 1;
  cells.splice(at, 0, injected);
  return { ...notebook, metadata: { ...metadata, papermill: { parameters } }, cells };
}

/** Names that the `parameters` cell does not declare: probably misspelt. Without such a cell, none. */
export function unknownParameters(notebook: Notebook, parameters: Parameters): string[] {
  const defaults = notebook.cells.find((cell) => hasTag(cell, 'parameters'));
  if (!defaults) return [];
  const declared = new Set([...joined(defaults.source).matchAll(/\b(?:const|let|var)\s+([\w$]+)/g)].map((m) => m[1]));
  return Object.keys(parameters).filter((name) => !declared.has(name));
}

/** One declaration per value; primitives get their wide type, so that comparing with another value is no type error. */
export function parameterCode(parameters: Parameters): string {
  const declarations = Object.entries(parameters).map(([name, value]) => {
    checkName(name);
    const type = value === null || typeof value === 'object' ? '' : `: ${typeof value}`;
    return `const ${name}${type} = ${JSON.stringify(value)};`;
  });
  return ['// Parameters', ...declarations].join('\n');
}

function checkName(name: string): void {
  if (!namePattern.test(name)) throw new RunnerError('runner.bad-parameter', `"${name}" is no TypeScript name`);
}
