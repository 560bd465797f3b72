/**
 * Bytes of a serial line → segments between zeros, and text between them. Knows delimiters and what a console prints;
 * refuses to know PDUs. Memory is bounded by one segment. Surprising: a console may talk into the line at any moment; what
 * is printable text is handed on, a terminal's cursor report is dropped, all else is counted as damage.
 */
import { maxSegmentBytes } from './pdu.js';

/** What a splitter tells. */
export interface SplitterEvents {
  /** Bytes between two zeros; true: it was a PDU. Valid only during the call. */
  segment(bytes: Uint8Array): boolean;
  /** Text that something else wrote on the line. */
  console(text: string): void;
  /** Bytes that are neither. */
  damaged(): void;
}

/** The answer that StarryOS's terminal injects when it cuts a cursor request. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
const cursorReport = /\u001b\[\d+;\d+R/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the test is about
const unprintable = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f\ufffd]/;

/** A push parser: give it chunks as they come. */
export class Splitter {
  readonly #events: SplitterEvents;
  readonly #segment = new Uint8Array(maxSegmentBytes);
  #filled = 0;
  /** The segment has outgrown every PDU: text so far, or to be thrown away up to the next zero. */
  #overlong: 'no' | 'text' | 'junk' = 'no';

  constructor(events: SplitterEvents) {
    this.#events = events;
  }

  /** Takes bytes. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.byteLength) {
      const zero = chunk.indexOf(0, at);
      const end = zero < 0 ? chunk.byteLength : zero;
      this.#add(chunk.subarray(at, end));
      if (zero >= 0) this.#end();
      at = end + 1;
    }
  }

  #add(bytes: Uint8Array): void {
    let left = bytes;
    while (left.byteLength > 0) {
      const room = this.#segment.byteLength - this.#filled;
      if (room === 0) {
        this.#overflow();
        continue;
      }
      const part = left.subarray(0, room);
      this.#segment.set(part, this.#filled);
      this.#filled += part.byteLength;
      left = left.subarray(part.byteLength);
    }
  }

  #overflow(): void {
    if (this.#overlong !== 'junk') {
      const text = textOf(this.#segment);
      if (text === null) this.#events.damaged();
      else if (text !== '') this.#events.console(text);
      this.#overlong = text === null ? 'junk' : 'text';
    }
    this.#filled = 0;
  }

  #end(): void {
    const bytes = this.#segment.subarray(0, this.#filled);
    const overlong = this.#overlong;
    this.#filled = 0;
    this.#overlong = 'no';
    if (bytes.byteLength === 0 || overlong === 'junk') return;
    if (overlong === 'no' && this.#events.segment(bytes)) return;
    const text = textOf(bytes);
    if (text === null) this.#events.damaged();
    else if (text !== '') this.#events.console(text);
  }
}

/** Printable text without cursor reports; null where it is none. Escape sequences of colours may stay. */
export function textOf(bytes: Uint8Array): string | null {
  const text = new TextDecoder().decode(bytes);
  return unprintable.test(text) ? null : text.replace(cursorReport, '');
}
