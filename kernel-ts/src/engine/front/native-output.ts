/**
 * One native stream of the child (descriptor 1 or 2) as text, parted at marks. Knows bytes and marks; refuses to know the
 * channel that orders them. Surprise: text behind a mark is held until its fence has come, though it has been read.
 */
import { StringDecoder } from 'node:string_decoder';
import { NATIVE_MARK } from '../channel.js';

export class NativeOutput {
  readonly #decoder = new StringDecoder('utf8');
  #held: Buffer = Buffer.alloc(0);

  /** Adds bytes as they were read. */
  push(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
  }

  /** True while bytes are held back. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** Text up to the next mark. At a `fence` the mark goes too; at the `end` of a cell nothing can be half a mark. */
  take(at: 'anytime' | 'fence' | 'end'): string {
    const mark = this.#held.indexOf(NATIVE_MARK);
    const end = mark >= 0 ? mark : this.#held.length - (at === 'end' ? 0 : openMarkBytes(this.#held));
    const text = this.#decoder.write(this.#held.subarray(0, end));
    this.#held = this.#held.subarray(at === 'fence' && mark >= 0 ? mark + NATIVE_MARK.length : end);
    return text;
  }
}

/** Bytes at the end that may be the beginning of a mark. */
function openMarkBytes(bytes: Buffer): number {
  for (let count = Math.min(NATIVE_MARK.length - 1, bytes.length); count > 0; count -= 1) {
    if (bytes.subarray(bytes.length - count).equals(NATIVE_MARK.subarray(0, count))) return count;
  }
  return 0;
}
