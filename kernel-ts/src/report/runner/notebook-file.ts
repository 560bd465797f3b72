/**
 * Notebook text ↔ notebook. Reads any nbformat 4, gives cells without an id one that depends on their text and place,
 * writes 4.5 as Jupyter does: sorted keys, one space, lines as lists, a newline at the end. Equal notebooks, equal bytes.
 */
import { createHash } from 'node:crypto';
import { type Cell, joined, type Notebook, notebookOf, type Output } from '../notebook.js';
import { RunnerError } from './errors.js';

const idPattern = /^[A-Za-z0-9_-]{1,64}$/;
const cellTypes = new Set(['code', 'markdown', 'raw']);

/**
 * Parses and checks a notebook; sources and texts become single strings.
 *
 * @throws ReportError `report.not-a-notebook`; RunnerError `runner.unsupported-notebook`.
 */
export function parseNotebook(text: string, name: string): Notebook {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Checked below: undefined is no notebook.
  }
  return normalized(notebookOf(json, name), name);
}

/** nbformat 4.5 with ids, whatever 4.x it was. */
export function normalized(notebook: Notebook, name: string): Notebook {
  const ids = new Set<string>();
  const cells = notebook.cells.map((cell, index): Cell => {
    if (!cellTypes.has(cell.cell_type)) {
      throw new RunnerError('runner.unsupported-notebook', `${name}: cell ${index + 1} is of type ${cell.cell_type}`);
    }
    const source = joined(cell.source);
    const given = typeof cell.id === 'string' && idPattern.test(cell.id) && !ids.has(cell.id) ? cell.id : undefined;
    const id = given ?? freshId(`${index}\n${source}`, ids);
    ids.add(id);
    const metadata = isObject(cell.metadata) ? cell.metadata : {};
    if (cell.cell_type !== 'code') {
      const { attachments } = cell as { attachments?: unknown };
      const more = attachments === undefined ? {} : { attachments };
      return { id, cell_type: cell.cell_type, metadata, source, ...more };
    }
    const outputs = Array.isArray(cell.outputs) ? cell.outputs : [];
    return { id, cell_type: 'code', metadata, source, execution_count: cell.execution_count ?? null, outputs };
  });
  const metadata = isObject(notebook.metadata) ? notebook.metadata : {};
  return { nbformat: 4, nbformat_minor: 5, metadata, cells };
}

/** An id from the text: the same notebook gets the same ids. */
export function freshId(seed: string, taken: ReadonlySet<string>): string {
  for (let attempt = 0; ; attempt += 1) {
    const id = createHash('sha256').update(`${attempt}\n${seed}`).digest('hex').slice(0, 8);
    if (!taken.has(id)) return id;
  }
}

/** The file's text. */
export function formatNotebook(notebook: Notebook): string {
  const cells = notebook.cells.map((cell) => ({
    ...cell,
    source: lines(joined(cell.source)),
    ...(cell.outputs ? { outputs: cell.outputs.map(outputOnDisk) } : {}),
  }));
  return `${JSON.stringify(sorted({ ...notebook, cells }), undefined, 1)}\n`;
}

function outputOnDisk(output: Output): object {
  const text = output.text === undefined ? {} : { text: lines(joined(output.text)) };
  if (output.data === undefined) return { ...output, ...text };
  const data = Object.entries(output.data).map(([mime, value]) => [mime, isLines(mime, value) ? lines(value) : value]);
  return { ...output, ...text, data: Object.fromEntries(data) };
}

function isLines(mime: string, value: unknown): value is string {
  return typeof value === 'string' && (mime.startsWith('text/') || mime === 'image/svg+xml');
}

function lines(text: string): string[] {
  return text === '' ? [] : (text.match(/[^\n]*\n|[^\n]+$/g) ?? []);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
