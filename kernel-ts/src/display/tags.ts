/** Tagged templates for cells: html`…`, md`…`, svg`…`. Values are inserted as they are: escape what is not yours. */
import { type Displayable, displayable } from './bundle.js';

type Tag = (parts: TemplateStringsArray, ...values: readonly unknown[]) => Displayable;

function tag(mime: string, plain: (text: string) => string = (text) => text): Tag {
  return (parts, ...values) => {
    const text = String.raw({ raw: parts }, ...values);
    return displayable(() => ({ [mime]: text, 'text/plain': plain(text) }));
  };
}

const withoutMarkup = (text: string): string =>
  text
    .replace(/<(script|style)[^>]*>[\s\S]*?<\/\1>/gi, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

/** Shows HTML. `text/plain` is the text without its markup. */
export const html: Tag = tag('text/html', withoutMarkup);

/** Shows Markdown. */
export const md: Tag = tag('text/markdown');

/** Shows an SVG picture. */
export const svg: Tag = tag('image/svg+xml', () => '[SVG picture]');
