/** Digests of a cell's outputs, one per MIME type: what two runs are compared by. Volatile outputs are left out. */
import { createHash } from 'node:crypto';
import { archiveMime, attachmentMime } from './attachment.js';
import { isVolatile, joined, type Notebook, type Output } from './notebook.js';

/** A widget's view names a model of one kernel; its text says what it shows. */
const widgetMime = 'application/vnd.jupyter.widget-view+json';

/** One output: MIME type (or `stream/stdout`, `error`) → SHA-256 of its canonical bytes. */
export type OutputDigest = Readonly<Record<string, string>>;

export interface CellDigest {
  /** The cell's id in the notebook. */
  readonly id: string;
  /** Compared outputs, in order. */
  readonly outputs: readonly OutputDigest[];
  /** Outputs that may differ between runs and are not compared. */
  readonly volatileOutputs: number;
}

/** JSON with sorted keys, so that equal values have equal bytes. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, content]) => content !== undefined);
    return `{${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, content]) => `${JSON.stringify(key)}:${canonical(content)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const isLines = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((line) => typeof line === 'string');

/** Notebook files may hold text as a list of lines; both forms are the same text. JSON types keep their lists. */
function contentOf(mime: string, content: unknown): string {
  if (/[/+]json$/.test(mime)) return canonical(content);
  return typeof content === 'string' || isLines(content) ? joined(content) : canonical(content);
}

/** The comparable parts of one output, by name. */
export function partsOf(output: Output): Record<string, string> {
  if (output.output_type === 'stream') return { [`stream/${output.name ?? 'stdout'}`]: joined(output.text) };
  if (output.output_type === 'error') return { error: `${output.ename}: ${output.evalue}` };
  const data = output.data ?? {};
  // The list of an attachment holds the digests of its files; how they are packed may differ.
  const parts = Object.entries(data).filter(
    ([mime]) => mime !== widgetMime && (mime !== archiveMime || !(attachmentMime in data)),
  );
  return Object.fromEntries(parts.map(([mime, content]) => [mime, contentOf(mime, content)]));
}

/** Outputs of each code cell that a second run must repeat, in order. */
export function comparedOutputs(notebook: Notebook): { id: string; outputs: Output[]; volatileOutputs: number }[] {
  return notebook.cells
    .filter((cell) => cell.cell_type === 'code')
    .map((cell, index) => {
      const all = isVolatile(cell.metadata) ? [] : (cell.outputs ?? []);
      const outputs = all.filter((output) => !isVolatile(output.metadata));
      return { id: cell.id ?? `code-${index}`, outputs, volatileOutputs: (cell.outputs?.length ?? 0) - outputs.length };
    });
}

/** Digests of a whole notebook. */
export function digestsOf(notebook: Notebook): CellDigest[] {
  return comparedOutputs(notebook).map(({ id, outputs, volatileOutputs }) => ({
    id,
    outputs: outputs.map((output) =>
      Object.fromEntries(Object.entries(partsOf(output)).map(([name, text]) => [name, sha256(text)])),
    ),
    volatileOutputs,
  }));
}
