/** The part of nbformat 4.5 that reports read. Checked on entry: a notebook comes from a file. */
import { ReportError } from './errors.js';

export type MultilineText = string | readonly string[];

export interface Output {
  readonly output_type: string;
  readonly name?: string;
  readonly text?: MultilineText;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly ename?: string;
  readonly evalue?: string;
  readonly traceback?: readonly string[];
  readonly execution_count?: number | null;
}

export interface Cell {
  readonly id?: string;
  readonly cell_type: string;
  readonly source: MultilineText;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly outputs?: readonly Output[];
  readonly execution_count?: number | null;
}

export interface Notebook {
  readonly nbformat: number;
  readonly nbformat_minor: number;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly cells: readonly Cell[];
}

export const joined = (text: MultilineText | undefined): string =>
  Array.isArray(text) ? text.join('') : ((text as string) ?? '');

/** Checks the shape of parsed JSON. Error: `report.not-a-notebook`. */
export function notebookOf(value: unknown, name: string): Notebook {
  const notebook = value as Partial<Notebook> | null;
  const sound =
    typeof notebook === 'object' &&
    notebook !== null &&
    notebook.nbformat === 4 &&
    Array.isArray(notebook.cells) &&
    notebook.cells.every(
      (cell) => typeof cell === 'object' && cell !== null && typeof cell.cell_type === 'string' && isText(cell.source),
    );
  if (!sound) throw new ReportError('report.not-a-notebook', `${name} is not a notebook of nbformat 4`);
  return notebook as Notebook;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || (Array.isArray(value) && value.every((line) => typeof line === 'string'));
}

/** True where an output may differ between runs (`metadata.npulab.volatile`). */
export function isVolatile(metadata: Readonly<Record<string, unknown>> | undefined): boolean {
  return (metadata?.npulab as { volatile?: unknown } | undefined)?.volatile === true;
}

/** True for a finished progress display, which a report leaves out. */
export function isProgress(metadata: Readonly<Record<string, unknown>> | undefined): boolean {
  return (metadata?.npulab as { progress?: unknown } | undefined)?.progress === true;
}

/** The notebook without outputs, counts and timestamps: what a second run starts from. */
export function withoutOutputs(notebook: Notebook): Notebook {
  const cells = notebook.cells
    .filter((cell) => !(cell.metadata.tags as readonly unknown[] | undefined)?.includes('injected-parameters'))
    .map((cell) => {
      const { execution: _, ...metadata } = cell.metadata as { execution?: unknown };
      if (cell.cell_type !== 'code') return { ...cell, metadata };
      return { ...cell, metadata, outputs: [], execution_count: null };
    });
  const { npulab: _, papermill: __, ...metadata } = notebook.metadata as { npulab?: unknown; papermill?: unknown };
  return { ...notebook, metadata, cells };
}
