/**
 * MIME bundles and the one symbol by which an object shows itself. Knows no engine, no Jupyter socket and no board.
 */

/** MIME type → content. `text/plain` is always present in a finished bundle. */
export type Bundle = Record<string, unknown>;

/**
 * The method a front end asks first. The symbol is Deno's, so that objects made for it show here too:
 * `value[Symbol.for('Jupyter.display')]()` returns a bundle, or a promise of one.
 */
export const jupyterDisplay: unique symbol = Symbol.for('Jupyter.display') as never;

/** An object that shows itself. */
export interface Displayable {
  [jupyterDisplay](): Bundle | Promise<Bundle>;
}

/** Wraps a bundle (or the work that makes one) as a displayable value. */
export function displayable(make: () => Bundle | Promise<Bundle>): Displayable {
  return { [jupyterDisplay]: make };
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text made safe for HTML content and attribute values. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
