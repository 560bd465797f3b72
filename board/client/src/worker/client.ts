/**
 * The main thread's side of the channel. Knows requests and their promises; refuses to know methods. Surprising: it keeps
 * the process alive only while something is awaited, so a script that forgets `close` still ends.
 */
import type { BlobReceipt, BlobSource } from '../blob.js';
import type { PingResult } from '../board.js';
import { BoardError, fromPortable } from '../errors.js';
import type { Wire } from '../frame/cbor.js';
import { isSpare, Spares } from '../frame/spares.js';
import type { Progress } from '../options.js';
import type { ClockEstimate } from '../session/clock-sync.js';
import type { Caller, CallResult, StreamItem } from '../session/runner.js';
import type { CallSpec } from '../session/types.js';
import { onAbort } from './aborts.js';
import { type Endpoint, type FromLink, type Opened, type ToLink, transferable } from './channel.js';

/** What happens without a request. */
export interface LinkListener {
  state(state: 'connected' | 'suspended', reason: string): void;
  suspect(suspect: boolean): void;
  reset(opened: Opened, reason: string): void;
  event(topic: number, payload: Wire, lost: number): void;
  console(text: string): void;
  clock(estimate: ClockEstimate): void;
  ended(error: BoardError): void;
}

interface Waiter {
  resolve(value: unknown): void;
  reject(error: BoardError): void;
  onItem?: ((item: StreamItem) => void) | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

interface RequestOptions {
  signal?: AbortSignal | undefined;
  transfer?: ArrayBuffer[];
  onItem?: Waiter['onItem'];
  onProgress?: Waiter['onProgress'];
}

/** Requests to the link thread. */
export class LinkClient implements Caller {
  /** Memory for the bodies of calls; the link thread gives it back when a call is done. */
  readonly spares = new Spares();
  readonly #endpoint: Endpoint;
  readonly #listener: LinkListener;
  readonly #waiters = new Map<number, Waiter>();
  readonly #closed: Promise<void>;
  #markClosed: () => void = () => undefined;
  #nextId = 1;
  #over: BoardError | null = null;

  constructor(endpoint: Endpoint, listener: LinkListener) {
    this.#endpoint = endpoint;
    this.#listener = listener;
    this.#closed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
    endpoint.onMessage((message) => this.#receive(message as FromLink));
    endpoint.keepAlive(false);
  }

  /** Connects. */
  open(timeoutMs: number, signal?: AbortSignal): Promise<Opened> {
    return this.#request((id) => ({ type: 'open', id, timeoutMs }), { signal }) as Promise<Opened>;
  }

  call(spec: CallSpec, signal?: AbortSignal, onItem?: (item: StreamItem) => void): Promise<CallResult> {
    const message = (id: number): ToLink => ({ type: 'call', id, spec, stream: onItem !== undefined });
    return this.#request(message, { signal, onItem, transfer: transferable(spec.body) }) as Promise<CallResult>;
  }

  /** One round trip. */
  ping(timeoutMs: number, signal?: AbortSignal): Promise<PingResult> {
    return this.#request((id) => ({ type: 'ping', id, timeoutMs }), { signal }) as Promise<PingResult>;
  }

  /** Uploads; bytes given here are transferred, so they must be the caller's own copy. */
  upload(
    sources: BlobSource[],
    timeoutMs: number | null,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<BlobReceipt[]> {
    const transfer = sources.flatMap((source) =>
      source instanceof Uint8Array ? transferable(source as Uint8Array<ArrayBuffer>) : [],
    );
    const message = (id: number): ToLink => ({ type: 'upload', id, sources, timeoutMs });
    return this.#request(message, { signal, onProgress, transfer }) as Promise<BlobReceipt[]>;
  }

  /** Says that a body from the board has been read. Its memory is gone from here. */
  spent(body: Uint8Array<ArrayBuffer>): void {
    if (isSpare(body)) this.#endpoint.post({ type: 'spent', body }, [body.buffer]);
  }

  /** Ends the session and waits until everything is put away. */
  close(reason: string): Promise<void> {
    this.#endpoint.keepAlive(true);
    this.#endpoint.post({ type: 'close', reason });
    return this.#closed.finally(() => this.#endpoint.keepAlive(false));
  }

  /** The thread is gone; everything pending fails with this. */
  lost(error: BoardError): void {
    this.#end(error);
    this.#markClosed();
  }

  /** Surprising: the error is made anew, for the message that brought it knows no cell; after an await the stack is the caller's. */
  async #request(message: (id: number) => ToLink, options: RequestOptions): Promise<unknown> {
    const { signal } = options;
    if (signal?.aborted) throw new BoardError('cancelled', 'Cancelled before it began', { cause: signal.reason });
    if (this.#over) throw again(this.#over);
    try {
      return await this.#ask(message, options);
    } catch (error) {
      throw error instanceof BoardError ? again(error) : error;
    }
  }

  #ask(message: (id: number) => ToLink, { signal, transfer, onItem, onProgress }: RequestOptions): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const stopListening = onAbort(signal, () => this.#endpoint.post({ type: 'cancel', id }));
      const settle =
        <T>(finish: (value: T) => void) =>
        (value: T) => {
          stopListening();
          this.#waiters.delete(id);
          if (this.#waiters.size === 0) this.#endpoint.keepAlive(false);
          finish(value);
        };
      if (this.#waiters.size === 0) this.#endpoint.keepAlive(true);
      this.#waiters.set(id, { resolve: settle(resolve), reject: settle(reject), onItem, onProgress });
      this.#endpoint.post(message(id), transfer);
    });
  }

  #receive(message: FromLink): void {
    switch (message.type) {
      case 'done':
        if (message.spent) this.spares.give(message.spent);
        this.#waiters.get(message.id)?.resolve(message.value);
        return;
      case 'failed':
        this.#waiters.get(message.id)?.reject(fromPortable(message.error));
        return;
      case 'item': {
        const { id, payload, body } = message;
        const taken = () => this.#endpoint.post({ type: 'taken', id });
        this.#waiters.get(id)?.onItem?.({ payload, body, taken });
        return;
      }
      case 'progress':
        this.#waiters.get(message.id)?.onProgress?.(message.progress);
        return;
      case 'state':
        this.#listener.state(message.state, message.reason);
        return;
      case 'suspect':
        this.#listener.suspect(message.suspect);
        return;
      case 'reset':
        this.#listener.reset(message.opened, message.reason);
        return;
      case 'event':
        this.#listener.event(message.topic, message.payload, message.lost);
        return;
      case 'clock':
        this.#listener.clock(message.estimate);
        return;
      case 'console':
        this.#listener.console(message.text);
        return;
      case 'ended':
        // Every pending request still gets an answer of its own, which names its method.
        this.#over = fromPortable(message.error);
        this.#listener.ended(this.#over);
        return;
      case 'closed':
        this.#end(new BoardError('board.closed', 'The board is closed'));
        this.#markClosed();
        return;
    }
  }

  #end(error: BoardError): void {
    const first = this.#over === null;
    this.#over ??= error;
    for (const waiter of [...this.#waiters.values()]) waiter.reject(error);
    if (first) this.#listener.ended(error);
  }
}

/** The same error with a stack of its own. */
function again({ code, message, remedy, fields, cause }: BoardError): BoardError {
  return new BoardError(code, message, { remedy, fields, cause });
}
