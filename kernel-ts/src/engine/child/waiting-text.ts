/**
 * Stream text that has not left yet, in memory that both threads of the child share: the main thread appends, and the
 * worker sends what has waited while the main thread spins. Knows no cell. Surprise: the lock also covers the channel,
 * since a frame must never be cut by the other thread's; a main thread that was terminated inside simply goes on.
 */
import { encodeFrame, FD, type FromMain, writeAll } from '../channel.js';
import type { EngineOutput } from '../types.js';
import { jsonBytes } from './json-text.js';

/** Text is sent at the latest after this long, whatever the main thread does. */
export const SEND_AFTER_MS = 15;
/** One batch; longer text travels alone. */
const MAX_CHARACTERS = 64 * 1024;
/** One part of a text that travels alone: while a client reads one, the front signs the next and the cell goes on. */
const PART_CHARACTERS = 1024 * 1024;
const MAX_OWNER_CHARACTERS = 256;
const HEADER_BYTES = 16;
const TEXT_AT = HEADER_BYTES + 2 * MAX_OWNER_CHARACTERS;

/** Words of the header. */
const LOCK = 0;
const TEXT_CHARACTERS = 1;
const OWNER_CHARACTERS = 2;
const IS_STDERR = 3;

const FREE = 0;
const MAIN = 1;
const WORKER = 2;

/** The memory to give to both threads. */
export function waitingTextMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(TEXT_AT + 2 * MAX_CHARACTERS);
}

/** One thread's hold on the memory. */
export class WaitingText {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  /** The last owner written, so that a repeated one is not compared in shared memory. */
  #owner = '';

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.#bytes = Buffer.from(memory);
  }

  /** Main thread: adds text behind what waits. True when nothing waited, so that the worker must be woken. */
  append(name: 'stdout' | 'stderr', owner: string, text: string): boolean {
    this.#lock();
    const words = this.#words;
    const isStderr = name === 'stderr' ? 1 : 0;
    let waits = words[TEXT_CHARACTERS] as number;
    const fits = waits + text.length <= MAX_CHARACTERS;
    if (waits > 0 && (!fits || words[IS_STDERR] !== isStderr || this.#owner !== owner)) {
      this.#send();
      waits = 0;
    }
    if (text.length > MAX_CHARACTERS || owner.length > MAX_OWNER_CHARACTERS) {
      for (const part of partsOf(text)) {
        writeAll(FD.fromMain, outputFrame(owner, { kind: 'long-stream', name, json: jsonBytes(part) }));
      }
    } else {
      if (waits === 0) {
        this.#owner = owner;
        words[OWNER_CHARACTERS] = owner.length;
        words[IS_STDERR] = isStderr;
        this.#bytes.write(owner, HEADER_BYTES, 'utf16le');
      }
      this.#bytes.write(text, TEXT_AT + 2 * waits, 'utf16le');
      words[TEXT_CHARACTERS] = waits + text.length;
    }
    this.#unlock();
    return waits === 0;
  }

  /** Main thread: sends what waits and then `frame`, if there is one. */
  flush(frame?: Uint8Array): void {
    this.#lock();
    this.#send();
    if (frame !== undefined) writeAll(FD.fromMain, frame);
    this.#unlock();
  }

  /** Worker: sends what waits. False when the main thread is in the middle of it: ask again soon. */
  flushFromWorker(): boolean {
    if (Atomics.compareExchange(this.#words, LOCK, FREE, WORKER) !== FREE) return false;
    this.#send();
    Atomics.store(this.#words, LOCK, FREE);
    Atomics.notify(this.#words, LOCK);
    return true;
  }

  /** A lock that says MAIN is left from a termination of this very thread. */
  #lock(): void {
    while (Atomics.compareExchange(this.#words, LOCK, FREE, MAIN) === WORKER) Atomics.wait(this.#words, LOCK, WORKER);
  }

  #unlock(): void {
    Atomics.store(this.#words, LOCK, FREE);
  }

  #send(): void {
    const words = this.#words;
    const characters = words[TEXT_CHARACTERS] as number;
    if (characters === 0) return;
    const text = this.#bytes.toString('utf16le', TEXT_AT, TEXT_AT + 2 * characters);
    const owner = this.#bytes.toString('utf16le', HEADER_BYTES, HEADER_BYTES + 2 * (words[OWNER_CHARACTERS] as number));
    words[TEXT_CHARACTERS] = 0;
    const name = words[IS_STDERR] === 1 ? 'stderr' : 'stdout';
    writeAll(FD.fromMain, outputFrame(owner, { kind: 'stream', name, text }));
  }
}

/** The text in parts that cut no character in two. */
function* partsOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + PART_CHARACTERS, text.length);
    if (end < text.length && /[\uD800-\uDBFF]/.test(text[end - 1] as string)) end -= 1;
    yield text.slice(start, end);
    start = end;
  }
}

function outputFrame(requestId: string, output: EngineOutput): Buffer {
  return encodeFrame({ kind: 'output', requestId, output } satisfies FromMain);
}
