/** Markdown cells as HTML, by markdown-it. */
import MarkdownIt from 'markdown-it';

export type MarkdownRenderer = (source: string) => string;

/** HTML inside Markdown is kept, as notebooks expect; the report's content policy keeps scripts from running. */
export function markdownRenderer(): MarkdownRenderer {
  const markdown = new MarkdownIt({ html: true, linkify: false, typographer: false });
  return (source) => markdown.render(source);
}
