/**
 * The wires between the front process and its child: what travels, and how it is framed (u32 length, v8 structured
 * clone). Knows no cell. Surprise: the child writes with blocking system calls, so that output leaves a spinning cell;
 * a slow front therefore slows the child down instead of filling memory.
 *
 * | fd | direction | owner in the child |
 * |----|-----------|--------------------|
 * | 1, 2 | child → front | native code and grandchildren; bytes, no frames |
 * | 3 | front → child | main thread |
 * | 4 | child → front | main thread; the worker for text that waits while the main thread spins |
 * | 5 | front → child | worker thread; its end means that the front is gone |
 * | 6 | child → front | worker thread |
 */
import { readSync, writeSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import type { CellSettings } from './cell-host.js';
import { EngineError } from './errors.js';
import type {
  CellOutcome,
  CommMessage,
  EngineOutput,
  InputAnswer,
  InputQuestion,
  LiveName,
  MimeBundle,
} from './types.js';

/** File descriptors of the table above, as the child sees them. */
export const FD = { toMain: 3, fromMain: 4, toWorker: 5, fromWorker: 6 } as const;

/** A compiled text: what V8 runs, and what leads its positions back to the user's text. */
export interface CompiledText {
  /** JavaScript for V8's REPL mode, `sourceURL` included. */
  readonly js: string;
  /** The name V8 knows the script by; unique. */
  readonly url: string;
  /** Name for people: `cell 3`. */
  readonly label: string;
  /** Position trail from `js` to the user's text; see `front/compile.ts`. */
  readonly trail: PositionTrail;
  /** The last statement is an expression: its value is the cell's result. */
  readonly hasResult: boolean;
}

/** Two steps: our edits of the lowered JavaScript (offset ranges), then swc's source map (VLQ). */
export interface PositionTrail {
  /** The lowered text, before our edits; the user's text where that needed no lowering. */
  readonly lowered: string;
  /** Pieces of `js`, see `positions.ts`: as text, because every cell that has run is remembered and few are asked about. */
  readonly pieces: string;
  /** Source map of `lowered`, VLQ; undefined where `lowered` is the user's text. */
  readonly mappings: string | undefined;
}

/** Front → child, main thread. */
export type ToMain =
  | {
      readonly kind: 'execute';
      readonly requestId: string;
      readonly executionCount: number;
      readonly silent: boolean;
      readonly text: CompiledText;
      /** Names that the cell declares. */
      readonly names: readonly string[];
      readonly expressions: readonly { readonly name: string; readonly text: CompiledText | CellOutcome }[];
    }
  | { readonly kind: 'input-answer'; readonly inputId: number; readonly answer: InputAnswer }
  | { readonly kind: 'comm'; readonly requestId: string; readonly message: CommMessage }
  /** Asks for the members of a value; answered by `members`. */
  | { readonly kind: 'members'; readonly queryId: number; readonly path: readonly string[] }
  | { readonly kind: 'dispose' };

/** Child, main thread → front. */
export type FromMain =
  | { readonly kind: 'ready'; readonly globalsError: string | undefined; readonly names: readonly string[] }
  | { readonly kind: 'output'; readonly requestId: string; readonly output: EngineOutput }
  /** Everything that native code and grandchildren wrote before this point belongs before what follows. */
  | { readonly kind: 'fence' }
  | {
      readonly kind: 'input';
      readonly requestId: string;
      readonly inputId: number;
      readonly question: InputQuestion;
    }
  | { readonly kind: 'comm'; readonly requestId: string; readonly message: CommMessage }
  | { readonly kind: 'comm-done'; readonly requestId: string; readonly known: boolean }
  | { readonly kind: 'settings'; readonly settings: CellSettings }
  | { readonly kind: 'members'; readonly queryId: number; readonly names: readonly LiveName[] }
  /** Globals that code has set; sent before the outcome of a cell that changed them. */
  | { readonly kind: 'globals'; readonly names: readonly LiveName[] }
  /** A line for the debugger's console: a log point, a condition that failed. */
  | { readonly kind: 'debug-log'; readonly text: string }
  /** `result` is how its value is shown, where nothing that could print has run since. */
  | {
      readonly kind: 'outcome';
      readonly requestId: string;
      readonly outcome: CellOutcome;
      readonly result: MimeBundle | undefined;
    }
  | { readonly kind: 'disposed' };

/** One interrupt: which requests it stops, and a number that its answer names. */
export interface Interrupt {
  readonly id: number;
  readonly requestIds: readonly string[];
}

/** A command of V8's inspector protocol, for the main thread. */
export interface InspectorCommand {
  readonly id: number;
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/** Front → child, worker thread. */
export type ToWorker =
  | ({ readonly kind: 'interrupt' } & Interrupt)
  | ({ readonly kind: 'inspect' } & InspectorCommand)
  /** Ends the inspector session that the first command has opened. */
  | { readonly kind: 'inspect-end' };

/** Child, worker thread → front. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'interrupted'; readonly id: number }
  | {
      readonly kind: 'inspected';
      readonly id: number;
      readonly result: object | undefined;
      readonly error: string | undefined;
    }
  | { readonly kind: 'inspector-event'; readonly method: string; readonly params: Record<string, unknown> };

const MAX_FRAME_BYTES = 256 * 1024 * 1024;

/** One message as bytes. */
export function encodeFrame(message: unknown): Buffer {
  const body = serialize(message);
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32LE(body.length, 0);
  body.copy(frame, 4);
  return frame;
}

/** Bytes in any pieces → messages. Throws `engine.frame-too-long` before it would allocate for a broken length. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #sizeBytes = 0;

  /** Takes bytes and returns the messages they complete. */
  push(chunk: Buffer): unknown[] {
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    const messages: unknown[] = [];
    while (this.#sizeBytes >= 4) {
      const head = this.#peek(4);
      const bodyBytes = head.readUInt32LE(0);
      if (bodyBytes > MAX_FRAME_BYTES) {
        throw new EngineError('engine.frame-too-long', `a message of ${bodyBytes} bytes came over a process channel`);
      }
      if (this.#sizeBytes < 4 + bodyBytes) break;
      const whole = this.#take(4 + bodyBytes);
      messages.push(deserialize(whole.subarray(4)));
    }
    return messages;
  }

  #peek(count: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= count) return first;
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }

  #take(count: number): Buffer {
    let first = this.#chunks[0] as Buffer;
    if (first.length < count) {
      first = Buffer.concat(this.#chunks);
      this.#chunks = [first];
    }
    this.#sizeBytes -= count;
    if (first.length === count) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
    return first.subarray(0, count);
  }
}

/**
 * Written by the child into its own descriptors 1 and 2 behind a synchronous child process, just before the `fence`
 * message: what native code wrote before it belongs before that message, what follows belongs after.
 */
export const NATIVE_MARK = Buffer.from('\u0000npulab-fence-6f1d9c\u0000', 'latin1');

/** Writes all of `bytes` with blocking calls; for the child's side, whose descriptors block. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  let offset = 0;
  while (offset < bytes.length) offset += writeSync(fd, bytes, offset, bytes.length - offset);
}

const scratch = Buffer.allocUnsafe(64 * 1024);

/** What can be read from a non-blocking descriptor right now, without waiting for the event loop. */
export function readAvailable(fd: number): Buffer[] {
  const chunks: Buffer[] = [];
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // the last read always throws, and the frames of its error would cost more than the read
  try {
    for (;;) {
      const count = readSync(fd, scratch, 0, scratch.length, null);
      if (count === 0) return chunks;
      chunks.push(Buffer.from(scratch.subarray(0, count)));
    }
  } catch {
    return chunks; // EAGAIN: nothing there; ECONNRESET, EBADF: the stream's own handler reports it
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
