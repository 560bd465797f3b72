/**
 * An executed notebook as one self-contained HTML file: question, result and back end on the first screen, then the cells,
 * then the record that `npulab verify` needs. No script runs and nothing is fetched (content policy in the head).
 */
import { escapeHtml } from '../display/index.js';
import { canonical } from './digest.js';
import { type MarkdownRenderer, markdownRenderer } from './markdown.js';
import { type Cell, joined, type Notebook } from './notebook.js';
import { outputHtml } from './outputs.js';
import { type ReportRecord, recordOf } from './provenance.js';
import { style } from './style.js';

export interface RenderOptions {
  /** Title of the page where the notebook has no heading, usually the file's name. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly builds: Readonly<Record<string, string>>;
}

/** The element that holds the record; its type keeps browsers from running it. */
export const recordElement = {
  open: '<script type="application/vnd.npulab.report+json" id="npulab-report">',
  close: '</script>',
} as const;

const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

const heading = /^#\s+(.+)\n*/m;

/** The first heading becomes the report's title, and leaves the cell it stood in. */
function withoutTitle(notebook: Notebook, fallback: string): { title: string; cells: readonly Cell[] } {
  const at = notebook.cells.findIndex((cell) => cell.cell_type === 'markdown' && heading.test(joined(cell.source)));
  const cell = notebook.cells[at];
  if (cell === undefined) return { title: fallback, cells: notebook.cells };
  const source = joined(cell.source);
  return {
    title: heading.exec(source)?.[1] ?? fallback,
    cells: notebook.cells.with(at, { ...cell, source: source.replace(heading, '') }),
  };
}

interface BoardFacts {
  readonly backend?: string;
  readonly soc?: string;
  readonly modelled?: boolean;
}

function headHtml(title: string, { provenance, parameters }: ReportRecord): string {
  const { question, result } = provenance as { question?: string; result?: string };
  const boards = ((provenance.boards as readonly BoardFacts[] | undefined) ?? []).map(
    (board) =>
      `<b>${escapeHtml(board.backend ?? 'unknown')}</b>${board.modelled === true ? ' <span class="badge">latency is modelled</span>' : ''}`,
  );
  const given = Object.entries(parameters).map(
    ([name, value]) => `${escapeHtml(name)} = ${escapeHtml(JSON.stringify(value) ?? '')}`,
  );
  const recorded = Object.keys(provenance).length > 0;
  const facts = [
    recorded
      ? `Back end: ${boards.join(', ') || 'none'}`
      : 'Back end, models and settings are not recorded: the notebook does not call <code>lab.report()</code>',
    ...(given.length > 0 ? [`Parameters: ${given.join(', ')}`] : []),
  ];
  return [
    '<header>',
    `<h1>${escapeHtml(title)}</h1>`,
    question === undefined ? '' : `<p class="answer"><b>Question.</b> ${escapeHtml(question)}</p>`,
    result === undefined ? '' : `<p class="answer"><b>Result.</b> ${escapeHtml(result)}</p>`,
    `<ul class="facts">${facts.map((fact) => `<li>${fact}</li>`).join('')}</ul>`,
    '</header>',
  ].join('\n');
}

function cellHtml(cell: Cell, markdown: MarkdownRenderer): string {
  const source = joined(cell.source);
  if (cell.cell_type === 'markdown') return `<section>${markdown(source)}</section>`;
  if (cell.cell_type !== 'code') return `<section><pre>${escapeHtml(source)}</pre></section>`;
  const outputs = (cell.outputs ?? []).map((output) => outputHtml(output, markdown)).filter((html) => html !== '');
  const count = cell.execution_count ?? ' ';
  const code =
    source.trim() === ''
      ? ''
      : `<details><summary>Cell ${count}</summary><pre><code>${escapeHtml(source)}</code></pre></details>`;
  return code === '' && outputs.length === 0 ? '' : `<section>${code}${outputs.join('\n')}</section>`;
}

/** Renders the report. The same notebook, parameters and builds give the same bytes. */
export function renderReport(notebook: Notebook, options: RenderOptions): string {
  const record = recordOf(notebook, options.parameters, options.builds);
  const markdown = markdownRenderer();
  const { title, cells } = withoutTitle(notebook, options.name);
  const builds = Object.entries(options.builds).map(([name, version]) => `${escapeHtml(name)} ${escapeHtml(version)}`);
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    headHtml(title, record),
    ...cells.map((cell) => cellHtml(cell, markdown)).filter((html) => html !== ''),
    `<footer><p>Made by ${builds.join(', ')}. Check it: <code>npx --no-install npulab verify REPORT.html</code></p></footer>`,
    // A "<" inside JSON strings is written as an escape, so that no text of the notebook can close the element.
    `${recordElement.open}${canonical(record).replaceAll('<', '\\u003c')}${recordElement.close}`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}
