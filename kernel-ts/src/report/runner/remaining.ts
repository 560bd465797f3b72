/** How long a run will still take: by the times an earlier run has stored in the cells, else by the mean so far. */
import type { Cell } from '../notebook.js';

/** How long the cell took when it was run last; undefined where nobody knows. */
export function lastDurationMs(cell: Cell): number | undefined {
  const { execution } = cell.metadata as { execution?: Record<string, unknown> };
  const [from, to] = ['iopub.status.busy', 'iopub.status.idle'].map((name) => Date.parse(String(execution?.[name])));
  const durationMs = Number(to) - Number(from);
  return durationMs >= 0 ? durationMs : undefined;
}

/** Time of the cells that are left; undefined before anything is known. */
export function remainingMs(done: readonly number[], left: readonly (number | undefined)[]): number | undefined {
  const known = [...done, ...left.filter((one) => one !== undefined)];
  if (known.length === 0) return undefined;
  const mean = known.reduce((sum, one) => sum + one, 0) / known.length;
  return left.reduce<number>((sum, one) => sum + (one ?? mean), 0);
}
