/** Which of the engine's codes, and so which remedy, fits what was found in a text. Knows complaints, no compiler. */

import type { Complaint } from '../complaint.js';
import type { EngineErrorCode } from '../errors.js';
import { parsesAs } from './syntax.js';

const BY_COMPLAINT: Readonly<Record<string, EngineErrorCode>> = {
  TS2304: 'cell.unknown-name',
  TS2552: 'cell.unknown-name',
  TS2300: 'cell.declared-twice',
  TS2393: 'cell.declared-twice',
  TS2451: 'cell.declared-twice',
  TS2307: 'cell.missing-module',
  TS2882: 'cell.missing-module',
  TS1206: 'cell.decorator',
  TS1238: 'cell.decorator',
  TS1239: 'cell.decorator',
  TS1240: 'cell.decorator',
  TS1241: 'cell.decorator',
};

/** The code of a cell whose types are wrong: that of its first complaint, or `otherwise`. */
export function codeOfTypes(
  complaints: readonly Complaint[],
  otherwise: EngineErrorCode = 'cell.type',
): EngineErrorCode {
  return BY_COMPLAINT[complaints[0]?.code ?? ''] ?? otherwise;
}

/** The code of a text that does not parse: what it would have been elsewhere. */
export function codeOfSyntax(text: string): EngineErrorCode {
  if (/^\s*\{/.test(text) && parsesAs(`(${text}\n)`, 'cell')) return 'cell.object';
  return !parsesAs(text, 'cell') && parsesAs(text, 'tsx') ? 'cell.jsx' : 'cell.syntax';
}
