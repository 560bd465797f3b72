/** A card: a title and a few facts, for objects that stand for something big (a board, a model, a run). */
import { type Displayable, displayable, escapeHtml } from './bundle.js';
import { cellText } from './numbers.js';

/** Shows `rows` of name and value under `title`. */
export function card(title: string, rows: Readonly<Record<string, unknown>>): Displayable {
  const entries = Object.entries(rows).map(([name, value]) => [name, cellText(value)] as const);
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  const body = entries
    .map(
      ([name, value]) =>
        `<tr><th scope="row">${escapeHtml(name)}</th><td style="text-align:left">${escapeHtml(value)}</td></tr>`,
    )
    .join('');
  return displayable(() => ({
    'text/html': `<table class="npulab-card"><caption style="font-weight:600;text-align:left;white-space:nowrap">${escapeHtml(title)}</caption><tbody>${body}</tbody></table>`,
    'text/plain': [title, ...entries.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)].join('\n'),
  }));
}
