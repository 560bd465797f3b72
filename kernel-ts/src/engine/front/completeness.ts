/** Whether a text can run, needs more lines, or no further line can mend it. Reads syntax only. */
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

/** The parser's message without its internals. */
export function parserMessage(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).replaceAll(/\[[0-9;]*m/g, '');
  return text.split('\n\n\nCaused by:')[0] as string;
}

/** The first complaint of the parser, and its place; for when the checker cannot say it better. */
export function parserComplaint(error: unknown, text: string): { message: string; start: number; end: number } {
  const message = parserMessage(error);
  const line = Number(/,-\[(\d+):\d+\]/.exec(message)?.[1] ?? 1);
  const marked = /^\s*:\s?(\s*)\^/m.exec(message);
  const lines = text.split('\n');
  const lineStart = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const start = marked === null ? text.length : Math.min(text.length, lineStart + (marked[1] as string).length);
  return { message: (message.split('\n')[0] as string).replace(/^\s*[x×]\s*/, ''), start, end: start + 1 };
}

function indentAfter(code: string): string {
  const last = code.split('\n').findLast((line) => line.trim() !== '') ?? '';
  const indent = /^\s*/.exec(last)?.[0] ?? '';
  return /[{([]\s*(\/\/.*)?$/.test(last) ? `${indent}  ` : indent;
}
