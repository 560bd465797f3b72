/** Longer names exist in generated code; a search from every character of a long line would take seconds. */
const MAX_UNITS = 500;

/** The name under a cursor, in UTF-16 units; letters of two units count as letters. */
export function nameSpan(text: string, cursor: number): { readonly start: number; readonly end: number } {
  const before =
    /[\p{ID_Continue}$\u200c\u200d]*$/u.exec(text.slice(Math.max(0, cursor - MAX_UNITS), cursor))?.[0] ?? '';
  const behind = /^[\p{ID_Continue}$\u200c\u200d]*/u.exec(text.slice(cursor))?.[0] ?? '';
  return { start: cursor - before.length, end: cursor + behind.length };
}
