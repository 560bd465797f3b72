/**
 * Bytes of a TCP stream → frames. Knows the u32 length prefix; refuses to know messages. Nothing is allocated before its
 * length is checked; a body is copied once, from the socket's chunk into an `ArrayBuffer` of its own.
 */
import { assemble, checkPadding, type Frame } from '../frame/frame.js';
import { damaged, type Header, headerBytes, maxFrameBytes, readHeader } from '../frame/header.js';
import { Spares } from '../frame/spares.js';

const prefixBytes = 4;

/** A push parser: give it chunks, it gives frames. After it has thrown, the stream is beyond repair. */
export class Deframer {
  readonly #start = new Uint8Array(prefixBytes + headerBytes);
  readonly #onFrame: (frame: Frame) => void;
  readonly #spares: Spares;
  #target: Uint8Array = this.#start;
  #filled = 0;
  #header: Header | null = null;
  #meta: Uint8Array | null = null;

  constructor(onFrame: (frame: Frame) => void, spares = new Spares()) {
    this.#onFrame = onFrame;
    this.#spares = spares;
  }

  /** Takes bytes; fails with `board.damaged-message`. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.byteLength) {
      const count = Math.min(this.#target.byteLength - this.#filled, chunk.byteLength - at);
      this.#target.set(chunk.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#header === null && this.#filled >= prefixBytes) checkLength(this.#length());
      if (this.#filled === this.#target.byteLength) this.#advance();
    }
  }

  #length(): number {
    return new DataView(this.#start.buffer).getUint32(0, true);
  }

  #advance(): void {
    const header = this.#header;
    if (header === null) {
      this.#header = readHeader(this.#start.subarray(prefixBytes), this.#length());
      this.#expect(new Uint8Array(this.#header.metaBytes + this.#header.paddingBytes));
      if (this.#target.byteLength === 0) this.#advance();
    } else if (this.#meta === null) {
      checkPadding(this.#target.subarray(header.metaBytes));
      this.#meta = this.#target.subarray(0, header.metaBytes);
      if (header.bodyBytes === 0) this.#finish(header, this.#meta, null);
      else this.#expect(this.#spares.take(header.bodyBytes));
    } else {
      this.#finish(header, this.#meta, this.#target as Uint8Array<ArrayBuffer>);
    }
  }

  #expect(target: Uint8Array): void {
    this.#target = target;
    this.#filled = 0;
  }

  #finish(header: Header, meta: Uint8Array, body: Uint8Array<ArrayBuffer> | null): void {
    this.#header = null;
    this.#meta = null;
    this.#expect(this.#start);
    this.#onFrame(assemble(header, meta, body));
  }
}

function checkLength(length: number): void {
  if (length < headerBytes || length > maxFrameBytes) throw damaged(`a frame length of ${length} bytes`);
}
