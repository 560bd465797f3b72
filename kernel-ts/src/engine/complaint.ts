/** What a parser or the checker says of a text, with its place and an excerpt. Knows no compiler. */

/** A complaint about a cell's text; `start` and `end` are UTF-16 offsets. */
export interface Complaint {
  /** For example `TS2322`; undefined for complaints of the parser alone. */
  readonly code: string | undefined;
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

/** A module has code and no types: its values are `any`, and the cell runs. */
export const UNTYPED_MODULE = 'TS7016';

/** Each complaint: where, what, excerpt. At most ten, the rest is counted. */
export function complaintLines(label: string, text: string, complaints: readonly Complaint[]): string[] {
  const lines: string[] = [];
  for (const complaint of complaints.slice(0, 10)) {
    const { line, column } = positionOf(text, complaint.start);
    const head = complaint.code === undefined ? '' : `${complaint.code}: `;
    lines.push(`${label}, line ${line}:${column} - ${head}${complaint.message}`, ...excerpt(text, complaint));
  }
  if (complaints.length > 10) lines.push(`… and ${complaints.length - 10} more`);
  return lines;
}

/** 1-based line and column of an offset; columns count UTF-16 units, as editors do. */
export function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
}

function excerpt(text: string, { start, end }: Complaint): string[] {
  const { line, column } = positionOf(text, start);
  const source = text.split('\n')[line - 1] ?? '';
  const width = Math.max(1, Math.min(end - start, source.length - column + 1));
  const margin = `${line} | `;
  const indent = source.slice(0, column - 1).replace(/[^\t]/g, ' ');
  return [`${margin}${source}`, `${' '.repeat(margin.length - 2)}| ${indent}${'^'.repeat(width)}`];
}

/** The parser's message without its internals. */
export function parserMessage(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).replaceAll(/\[[0-9;]*m/g, '');
  return text.split('\n\n\nCaused by:')[0] as string;
}

/** The first complaint of the parser, and its place; for when the checker cannot say it better. */
export function parserComplaint(error: unknown, text: string): { message: string; start: number; end: number } {
  const message = parserMessage(error);
  // The head names where the excerpt begins; the line that is meant stands above the mark.
  const excerpt = /^\s*(\d+)\s\|[^\n]*\n\s*:\s?(\s*)\^/m.exec(message);
  const line = Number(excerpt?.[1] ?? 1);
  const marked = excerpt?.[2];
  const lines = text.split('\n');
  const lineStart = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const start = marked === undefined ? text.length : Math.min(text.length, lineStart + marked.length);
  return { message: (message.split('\n')[0] as string).replace(/^\s*[x×]\s*/, ''), start, end: start + 1 };
}
