/** What every object on the main thread shares: the way to the link thread, facts of the session. Refuses to know objects. */
import { BoardError } from '../errors.js';
import type { Wire, WireMap } from '../frame/cbor.js';
import { type InvokeOptions, invoke } from '../messages/invoke.js';
import type { MethodName } from '../messages/methods.js';
import { Reader } from '../messages/reader.js';
import type { CallResult } from '../session/runner.js';
import type { LinkClient } from '../worker/client.js';

/** Largest piece a transfer is cut into: few enough calls that they cost little, short enough that others get through between. */
const pieceBytes = 768 * 1024;

/** Shared by the objects of one board. */
export interface BoardContext {
  client: LinkClient;
  /** The session now; handles of an older one are stale. */
  epoch(): number;
  /** Ticks per second of the board's clock. */
  clockHz(): number;
  /** Largest body of a frame. */
  maxBodyBytes(): number;
}

/** Bytes of one piece of a transfer. */
export function pieceOf(context: BoardContext): number {
  return Math.min(pieceBytes, context.maxBodyBytes() & ~7);
}

/** A handle of the board with what the host knows of its life. */
export class Handle {
  readonly #context: BoardContext;
  readonly #what: string;
  readonly #epoch: number;
  readonly #wire: WireMap;
  #freed = false;

  /** `value`: the handle as the board sent it. `what`: for messages. */
  constructor(context: BoardContext, value: Wire, what: string, epoch: number) {
    const reader = new Reader(value, `handle of ${what}`);
    this.#wire = new Map<number, Wire>([
      [0, reader.uint(0)],
      [1, reader.uint(1)],
      [2, reader.uint(2)],
    ]);
    this.#context = context;
    this.#what = what;
    this.#epoch = epoch;
  }

  /** True while the board may still know it. */
  get alive(): boolean {
    return !this.#freed && this.#epoch === this.#context.epoch();
  }

  /** The handle as an argument; fails with `staleHandle`. */
  get wire(): WireMap {
    if (this.#freed) throw new BoardError('staleHandle', `The ${this.#what} was freed`);
    if (this.#epoch !== this.#context.epoch()) {
      throw new BoardError(
        'staleHandle',
        `The ${this.#what} was lost when its session ended; run the cell that made it again`,
      );
    }
    return this.#wire;
  }

  /** Calls a method with this handle as argument 0. */
  async call(
    name: MethodName,
    args: Readonly<Record<number, Wire | undefined>>,
    options: InvokeOptions = {},
  ): Promise<CallResult> {
    return invoke(this.#context.client, name, { 0: this.wire, ...args }, { ...options, epoch: this.#epoch });
  }

  /** Frees it with the given method, once; nothing to do where the session has ended. */
  async free(name: MethodName, options: InvokeOptions = {}): Promise<void> {
    if (!this.alive) {
      this.#freed = true;
      return;
    }
    const args = { 0: this.#wire };
    this.#freed = true;
    try {
      await invoke(this.#context.client, name, args, { ...options, epoch: this.#epoch });
    } catch (error) {
      // Gone is gone: whatever ended the session has freed it too.
      if (!(error instanceof BoardError) || !goneCodes.has(error.code)) throw error;
    }
  }
}

const goneCodes = new Set([
  'staleHandle',
  'boardReset',
  'linkLost',
  'board.closed',
  'board.agent-exited',
  'board.worker-failed',
]);

/** Fails with `board.bad-argument`. */
export function badArgument(what: string): BoardError {
  return new BoardError('board.bad-argument', what);
}

/** A whole number in a range, else `board.bad-argument`. */
export function whole(value: number, name: string, min: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw badArgument(`${name} is ${value}; it must be a whole number from ${min} to ${max}`);
  }
  return value;
}
