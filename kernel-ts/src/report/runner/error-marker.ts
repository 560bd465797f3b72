/**
 * papermill's way to say in the notebook itself where a run has stopped: a note on top with a link, and a mark in front of
 * the cell, both tagged so that the next run, ours or papermill's, removes them. Knows tags and texts alone.
 */
import type { Cell, Notebook } from '../notebook.js';
import { freshId } from './notebook-file.js';
import { hasTag } from './parameters.js';

const markerTag = 'papermill-error-cell-tag';
const anchor = 'papermill-error-cell';
const style = 'style="color:red; font-family:Helvetica Neue, Helvetica, Arial, sans-serif; font-size:2em;"';

/** The notebook with its marks in front of the cell that failed. */
export function markError(notebook: Notebook, failedId: string): Notebook {
  const at = notebook.cells.findIndex((cell) => cell.id === failedId);
  if (at < 0) return notebook;
  const taken = new Set(notebook.cells.map((cell) => cell.id ?? ''));
  const marker = (seed: string, text: string): Cell => {
    const id = freshId(`${seed}\n${failedId}`, taken);
    taken.add(id);
    return { id, cell_type: 'markdown', metadata: { tags: [markerTag] }, source: `<span ${text}</span>` };
  };
  const count = notebook.cells[at]?.execution_count ?? ' ';
  const top = marker('top', `${style}>An Exception was encountered at '<a href="#${anchor}">In [${count}]</a>'.`);
  const here = marker(
    'here',
    `id="${anchor}" ${style}>Execution using papermill encountered an exception here and stopped:`,
  );
  const cells = [top, ...notebook.cells.slice(0, at), here, ...notebook.cells.slice(at)];
  return { ...notebook, cells };
}

/** The notebook without the marks of an earlier run. */
export function withoutMarks(notebook: Notebook): Notebook {
  return { ...notebook, cells: notebook.cells.filter((cell) => !hasTag(cell, markerTag)) };
}
