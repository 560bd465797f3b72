/** One notebook output as HTML. Pictures become images, so that two charts on a page cannot disturb each other's ids. */
import { stripVTControlCharacters } from 'node:util';
import { escapeHtml } from '../display/index.js';
import { attachmentHtml } from './attachment.js';
import type { MarkdownRenderer } from './markdown.js';
import { isProgress, isVolatile, joined, type MultilineText, type Output } from './notebook.js';
import { environmentMime, provenanceMime } from './provenance.js';

const text = (value: unknown): string => joined(value as MultilineText);

type Draw = (content: unknown, plain: string, markdown: MarkdownRenderer) => string;

const image =
  (mime: string): Draw =>
  (content, plain) =>
    `<img alt="${escapeHtml(plain)}" src="data:${mime};base64,${text(content).replace(/\s/g, '')}">`;

/** Best form first: a report is read, so a static picture beats a description of one. */
const forms: readonly (readonly [string, Draw])[] = [
  [
    'image/svg+xml',
    (content, plain) =>
      `<img class="chart" alt="${escapeHtml(plain)}" src="data:image/svg+xml;base64,${Buffer.from(text(content)).toString('base64')}">`,
  ],
  ['text/html', (content) => text(content)],
  ['text/markdown', (content, _plain, markdown) => markdown(text(content))],
  ['image/png', image('image/png')],
  ['image/jpeg', image('image/jpeg')],
  ['text/plain', (content) => `<pre>${escapeHtml(text(content))}</pre>`],
];

function bundleHtml(data: Readonly<Record<string, unknown>>, markdown: MarkdownRenderer): string {
  const form = forms.find(([mime]) => mime in data);
  if (form === undefined) return '';
  const plain = text(data['text/plain']).split('\n')[0] ?? '';
  return form[1](data[form[0]], plain, markdown);
}

/** HTML of one output; empty for what has nothing to show. */
export function outputHtml(output: Output, markdown: MarkdownRenderer): string {
  if (isProgress(output.metadata)) return '';
  const classes = ['output', ...(isVolatile(output.metadata) ? ['volatile'] : [])];
  const wrap = (html: string, extra = ''): string =>
    `<div class="${[...classes, extra].join(' ').trim()}">${html}</div>`;
  if (output.output_type === 'stream')
    return wrap(`<pre>${escapeHtml(joined(output.text))}</pre>`, output.name === 'stderr' ? 'error' : '');
  if (output.output_type === 'error') {
    const trace = stripVTControlCharacters((output.traceback ?? [`${output.ename}: ${output.evalue}`]).join('\n'));
    return wrap(`<pre>${escapeHtml(trace)}</pre>`, 'error');
  }
  const data = output.data ?? {};
  const html = bundleHtml(data, markdown) + attachmentHtml(output);
  if (html === '') return '';
  return wrap(html, provenanceMime in data || environmentMime in data ? 'provenance' : '');
}
