/**
 * Tagged templates for cells: html`…`, md`…`, svg`…`, tex`…`. Values in HTML and SVG are escaped, so that data cannot become
 * markup; what another tag made goes in as it is, and lists one after the other. Markdown takes values as they are.
 */
import { type Displayable, displayable, escapeHtml } from './bundle.js';
import { withoutMarkup } from './finished.js';

type Tag = (parts: TemplateStringsArray, ...values: readonly unknown[]) => Displayable;

/** Markup that a tag made. */
const markupOf = new WeakMap<object, string>();

function insert(value: unknown): string {
  if (Array.isArray(value)) return value.map(insert).join('');
  if (typeof value === 'object' && value !== null) return markupOf.get(value) ?? escapeHtml(String(value));
  return value === undefined || value === null || value === false ? '' : escapeHtml(String(value));
}

function tag(mime: string, plain: (text: string) => string, each: (value: unknown) => string): Tag {
  return (parts, ...values) => {
    const text = String.raw({ raw: parts }, ...values.map(each));
    const shown = displayable(() => ({ [mime]: text, 'text/plain': plain(text) }));
    if (each === insert) markupOf.set(shown, text);
    return shown;
  };
}

/** Shows HTML. `text/plain` is the text without its markup. */
export const html: Tag = tag('text/html', withoutMarkup, insert);

/** Shows Markdown. */
export const md: Tag = tag('text/markdown', (text) => text, String);

/** Shows an SVG picture. */
export const svg: Tag = tag('image/svg+xml', () => '[SVG picture]', insert);

/** Shows a formula in LaTeX; backslashes need no doubling. */
export const tex: Tag = (parts, ...values) => {
  const formula = `$$${String.raw(parts, ...values)}$$`;
  return displayable(() => ({ 'text/latex': formula, 'text/plain': formula }));
};
