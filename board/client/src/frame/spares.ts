/**
 * Memory of bodies that are done with, kept for the next body of the same size. Knows sizes only. A new `ArrayBuffer` of a
 * megabyte costs more than to copy into it: the system clears each of its pages, and the collector counts it as growth.
 */

/** Smaller bodies cost less than to keep them. */
const leastBytes = 64 * 1024;
/** What may be under way in one direction, and a few more. */
const mostKept = 12;

/** A few buffers. */
export class Spares {
  #kept: Uint8Array<ArrayBuffer>[] = [];

  /** Memory for `sizeBytes`, with whatever it held before: write all of it. */
  take(sizeBytes: number): Uint8Array<ArrayBuffer> {
    const at = sizeBytes < leastBytes ? -1 : this.#kept.findIndex(({ byteLength }) => byteLength === sizeBytes);
    return at < 0 ? new Uint8Array(sizeBytes) : this.#kept.splice(at, 1)[0]!;
  }

  /** Keeps memory that nobody else reads or writes any more. */
  give(bytes: Uint8Array<ArrayBuffer>): void {
    if (!isSpare(bytes)) return;
    this.#kept.push(bytes);
    if (this.#kept.length > mostKept) this.#kept.shift();
  }
}

/** True for memory worth giving back: large, and all of its `ArrayBuffer`. */
export function isSpare(bytes: Uint8Array<ArrayBuffer> | null): bytes is Uint8Array<ArrayBuffer> {
  return bytes !== null && bytes.byteLength >= leastBytes && bytes.byteLength === bytes.buffer.byteLength;
}
