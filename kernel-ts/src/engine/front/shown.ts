/** Errors the front reports about a cell: the engine's own, and positions with an excerpt. Knows no compiler. */

import { type Complaint, complaintLines, positionOf } from '../complaint.js';
import { ENGINE_ERRORS, type EngineErrorCode } from '../errors.js';
import type { ShownError } from '../types.js';

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
