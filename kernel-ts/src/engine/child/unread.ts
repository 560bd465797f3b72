/** A text that V8 did not take, though the parser and the checker (if it is on) did: it declares a name twice, mostly. */
import type { Runtime } from 'node:inspector';
import type { CompiledText } from '../channel.js';
import { ENGINE_ERRORS } from '../errors.js';
import type { ShownError } from '../types.js';
import { cellPosition } from './frames.js';

/** Whether the inspector speaks of a text that never ran: of what ran and threw it names a stack, or no script at all. */
export function isUnread(details: Runtime.ExceptionDetails, thrown: unknown): thrown is SyntaxError {
  return details.stackTrace === undefined && details.scriptId !== undefined && thrown instanceof SyntaxError;
}

/** What V8 says of the text, and where. */
export class Unread {
  constructor(
    readonly message: string,
    readonly text: CompiledText,
    readonly details: Runtime.ExceptionDetails,
  ) {}

  shown(): ShownError {
    const code = /has already been declared$/.test(this.message) ? 'cell.declared-twice' : 'cell.syntax';
    return {
      ename: 'SyntaxError',
      evalue: this.message,
      traceback: [`SyntaxError: ${this.message}`, `code: ${code}`, `remedy: ${ENGINE_ERRORS[code]}`, this.#frame()],
    };
  }

  #frame(): string {
    const { lineNumber, columnNumber } = this.details;
    const place = cellPosition(this.text.url, lineNumber + 1, columnNumber + 1);
    return `    at (${this.text.label}${place === undefined ? '' : `, line ${place.line}:${place.column}`})`;
  }
}
