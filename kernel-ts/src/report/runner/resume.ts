/**
 * Where a run goes on. A kernel's variables end with it, so the cells before that place are not restored: they keep the
 * outputs they have, and only those that prepare (tags `parameters`, `injected-parameters`, `setup`) are run again.
 */
import { type Cell, joined, type Notebook } from '../notebook.js';
import { withoutMarks } from './error-marker.js';
import { RunnerError } from './errors.js';
import { hasTag } from './parameters.js';

const preparing = ['parameters', 'injected-parameters', 'setup'] as const;

/** True for a cell that every run needs. */
export const prepares = (cell: Cell): boolean => preparing.some((tag) => hasTag(cell, tag));

const isRun = (cell: Cell): boolean => cell.cell_type === 'code' && joined(cell.source).trim() !== '';

/** The cell by its id, or by its number among the code cells, from 1. @throws RunnerError `runner.unknown-cell`. */
export function cellAt(notebook: Notebook, name: string): string {
  const byId = notebook.cells.find((cell) => cell.id === name);
  const byNumber = /^\d+$/.test(name) ? notebook.cells.filter(isRun)[Number(name) - 1] : undefined;
  const id = (byId ?? byNumber)?.id;
  if (id === undefined) throw new RunnerError('runner.unknown-cell', `no cell "${name}"`);
  return id;
}

/** What an earlier run has left to do; undefined when it has done everything. */
export function firstOpen(notebook: Notebook, earlier: Notebook): string | undefined {
  const done = new Map(earlier.cells.map((cell) => [cell.id, cell]));
  const open = notebook.cells.filter(isRun).find((cell) => {
    if (prepares(cell) || hasTag(cell, 'skip-execution')) return false;
    const before = done.get(cell.id);
    if (before === undefined || joined(before.source) !== joined(cell.source)) return true;
    if (before.execution_count === null || before.execution_count === undefined) return true;
    return !hasTag(cell, 'raises-exception') && (before.outputs ?? []).some((one) => one.output_type === 'error');
  });
  return open?.id;
}

/** The notebook with the outputs that an earlier run has left in the cells before `from`. */
export function withEarlierOutputs(notebook: Notebook, earlier: Notebook, from: string | undefined): Notebook {
  const done = new Map(withoutMarks(earlier).cells.map((cell) => [cell.id, cell]));
  const at = from === undefined ? notebook.cells.length : notebook.cells.findIndex((cell) => cell.id === from);
  const cells = notebook.cells.map((cell, index): Cell => {
    const before = done.get(cell.id);
    if (index >= at || cell.cell_type !== 'code' || before === undefined) return cell;
    const { execution } = before.metadata;
    const metadata = execution === undefined ? cell.metadata : { ...cell.metadata, execution };
    return { ...cell, metadata, outputs: before.outputs ?? [], execution_count: before.execution_count ?? null };
  });
  return { ...notebook, cells };
}
