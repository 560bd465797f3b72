/**
 * A stream of bytes → records of u32 length and bytes. Knows lengths; refuses to know what a record holds. A length is checked
 * before anything is allocated.
 */
import { damaged } from '../frame/header.js';

/** Bytes of a record's length. */
export const lengthBytes = 4;

/** Which lengths a stream may have, and what its records are called. */
export interface RecordRule {
  least: number;
  most: number;
  name: string;
}

/** A push parser: give it chunks, it gives records. After it has thrown, the stream is beyond repair. */
export class RecordReader {
  readonly #rule: RecordRule;
  readonly #onRecord: (record: Uint8Array<ArrayBuffer>) => void;
  readonly #head = new Uint8Array(lengthBytes);
  #target = this.#head;
  #filled = 0;

  constructor(rule: RecordRule, onRecord: (record: Uint8Array<ArrayBuffer>) => void) {
    this.#rule = rule;
    this.#onRecord = onRecord;
  }

  /** Takes bytes; fails with `board.damaged-message`. */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.byteLength; ) {
      const part = chunk.subarray(at, at + this.#target.byteLength - this.#filled);
      this.#target.set(part, this.#filled);
      this.#filled += part.byteLength;
      at += part.byteLength;
      if (this.#filled === this.#target.byteLength) this.#advance();
    }
  }

  #advance(): void {
    this.#filled = 0;
    const record = this.#target;
    if (record !== this.#head) {
      this.#target = this.#head;
      this.#onRecord(record);
      return;
    }
    const length = new DataView(this.#head.buffer).getUint32(0, true);
    const { least, most, name } = this.#rule;
    if (length < least || length > most) throw damaged(`a ${name} of ${length} bytes`);
    this.#target = new Uint8Array(length);
  }
}
