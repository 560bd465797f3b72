/** Errors the front reports about a cell: the engine's own, and positions with an excerpt. Knows no compiler. */
import { ENGINE_ERRORS, type EngineErrorCode } from '../errors.js';
import type { ShownError } from '../types.js';

/** A complaint about a cell's text; `start` and `end` are UTF-16 offsets. */
export interface Complaint {
  /** For example `TS2322`; undefined for complaints of the parser alone. */
  readonly code: string | undefined;
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

/** An error of the engine as it is shown, with code and remedy. */
export function engineError(
  ename: string,
  code: EngineErrorCode,
  evalue: string,
  more: readonly string[] = [],
): ShownError {
  return {
    ename,
    evalue,
    traceback: [`${ename}: ${evalue}`, ...more, `code: ${code}`, `remedy: ${ENGINE_ERRORS[code]}`],
  };
}

/** Complaints as one error: the first names the error, each is shown with its line, column and excerpt. */
export function complaintError(
  ename: string,
  code: EngineErrorCode,
  label: string,
  text: string,
  complaints: readonly Complaint[],
): ShownError {
  const first = complaints[0] as Complaint;
  const place = positionOf(text, first.start);
  const named = first.code === undefined ? first.message : `${first.code}: ${first.message}`;
  const evalue = `${named.split('\n')[0]} (line ${place.line}, column ${place.column})`;
  return {
    ename,
    evalue,
    traceback: [...complaintLines(label, text, complaints), `code: ${code}`, `remedy: ${ENGINE_ERRORS[code]}`],
  };
}

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
