/** Whether a text can run, needs more lines, or no further line can mend it. Reads syntax only. */
import { parserMessage } from '../complaint.js';
import type { CompletenessResult } from '../types.js';
import { cellText } from './analyze.js';
import { parseText } from './syntax.js';

/** The parser asks for what must come next where the next line may bring it: `const x`, `let`, `await`. */
const WAITS_FOR_MORE =
  /(?:^|[;{}\n]|\bawait)\s*(?:const(?:\s+[\p{ID_Start}$_][\p{ID_Continue}$]*)?|let|using\s+[\p{ID_Start}$_][\p{ID_Continue}$]*)\s*$|(?<![.\p{ID_Continue}$])await\s*$/u;

/** Judges by where the parser stopped: at the end of the text, more lines may help. */
export function completenessOf(code: string): CompletenessResult {
  try {
    parseText(cellText(code), 'cell');
    return { status: 'complete' };
  } catch (error) {
    if (WAITS_FOR_MORE.test(code)) return { status: 'incomplete', indent: indentAfter(code) };
    const message = parserMessage(error);
    // The parser reports several complaints; these two no further line can mend, wherever the others stand.
    if (/cannot follow number|cannot be used as an identifier/.test(message)) return { status: 'invalid' };
    const openText = /Unterminated (template|block comment)/.test(message);
    const atEnd = /got '<eof>'|Unexpected eof/.test(message) || !/^\s*:\s.*\^/m.test(message);
    return openText || atEnd ? { status: 'incomplete', indent: indentAfter(code) } : { status: 'invalid' };
  }
}

function indentAfter(code: string): string {
  const last = code.split('\n').findLast((line) => line.trim() !== '') ?? '';
  const indent = /^\s*/.exec(last)?.[0] ?? '';
  return /[{([]\s*(\/\/.*)?$/.test(last) ? `${indent}  ` : indent;
}
