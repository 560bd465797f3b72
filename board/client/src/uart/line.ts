/**
 * An ARQ at work on a transport: feeds it bytes and time, writes what it hands out. Knows transports, the clock and whole
 * frames as bytes; refuses to know what a frame holds. The only part of the serial line that has side effects.
 */
import { randomBytes } from 'node:crypto';
import { BoardError } from '../errors.js';
import type { Clock } from '../session/clock.js';
import type { Transport } from '../transport/transport.js';
import { Arq, type ArqCounts } from './arq.js';

/** What a line tells. */
export interface LineEvents {
  onFrame(channel: 0 | 1, bytes: Uint8Array): void;
  onConsole(text: string): void;
  /** The wire ended, the peer began anew or broke the rules. */
  onDown(reason: string): void;
}

/** Options of {@link Line}. */
export interface LineOptions {
  role: 'host' | 'board';
  clock: Clock;
  /** Bytes the wire carries in a millisecond; infinite where nobody knows. */
  bytesPerMs: number;
  /** For messages. */
  name: string;
  /** Random and not 0; absent: drawn here. */
  epoch?: number;
}

/** How much that was said before anybody listened is kept. */
const keptText = 4096;
/** How long the last frames of a line that ends may take. */
const lastWordsMs = 500;

/** One end of a serial line. */
export class Line {
  readonly #transport: Transport;
  readonly #arq: Arq;
  readonly #clock: Clock;
  readonly #name: string;
  #events: LineEvents | null = null;
  #early: { channel: 0 | 1; bytes: Uint8Array }[] = [];
  #text = '';
  #free = true;
  #over = false;
  #ending = false;
  #downReason: string | null = null;
  #stopTimer: () => void = () => undefined;
  #onOpen: (() => void) | null = null;

  constructor(transport: Transport, { role, clock, bytesPerMs, name, epoch }: LineOptions) {
    this.#transport = transport;
    this.#clock = clock;
    this.#name = name;
    this.#arq = new Arq({ role, bytesPerMs, epoch: epoch ?? drawEpoch() });
    transport.start({
      onData: (chunk) => this.#receive(chunk),
      onDrain: () => {
        this.#free = true;
        this.#pump();
      },
      onClose: (reason) => this.#down(reason),
    });
    this.#arq.start(clock.now());
    this.#pump();
  }

  /** Waits until the peer has answered. Rejects with `board.serial-silent` where the signal says that it took too long. */
  opened(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        signal.removeEventListener('abort', onAbort);
        this.destroy();
        reject(error);
      };
      const onAbort = () => fail(this.#silent(signal.reason));
      if (this.#arq.open) return resolve();
      if (signal.aborted) return fail(signal.reason);
      signal.addEventListener('abort', onAbort);
      this.#onOpen = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#events = {
        onFrame: (channel, bytes) => this.#early.push({ channel, bytes }),
        onConsole: (text) => this.#keep(text),
        onDown: (reason) => fail(new BoardError('board.connect-failed', `${this.#name}: ${reason}`)),
      };
    });
  }

  /** The next frame, before delivery has begun. Rejects where the line ends first, or with the signal's reason. */
  nextFrame(signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        signal.removeEventListener('abort', onAbort);
        finish();
      };
      const onAbort = () => settle(() => reject(signal.reason));
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort);
      const take = () => {
        const first = this.#early.shift();
        if (first) settle(() => resolve(first.bytes));
      };
      this.#events = {
        onFrame: (channel, bytes) => {
          this.#early.push({ channel, bytes });
          take();
        },
        onConsole: (text) => this.#keep(text),
        onDown: (reason) => settle(() => reject(new BoardError('board.connect-failed', reason))),
      };
      take();
    });
  }

  /** Begins delivery; what came before is told first. */
  listen(events: LineEvents): void {
    queueMicrotask(() => {
      this.#events = events;
      if (this.#text !== '') events.onConsole(this.#text);
      for (const { channel, bytes } of this.#early.splice(0)) events.onFrame(channel, bytes);
      if (this.#downReason !== null) events.onDown(this.#downReason);
    });
  }

  /** Queues a frame; its pieces are read until they have gone out. Channel 0 goes before channel 1. */
  send(channel: 0 | 1, pieces: readonly Uint8Array[]): void {
    if (this.#over || this.#ending) return;
    this.#arq.send(channel, pieces);
    this.#pump();
  }

  /** Units of 256 bytes this side takes; 0 stops the peer. */
  setRoom(units: number): void {
    this.#arq.setRoom(units);
    this.#pump();
  }

  /** Bytes of frames that have not gone out yet. */
  get queuedBytes(): number {
    return this.#arq.queuedBytes;
  }

  /** Counts, payload, window and round trip so far. */
  get facts(): ArqCounts & Arq['state'] {
    return { ...this.#arq.counts, ...this.#arq.state };
  }

  /** Ends once what is queued has arrived, or half a second has passed. */
  end(): void {
    if (this.#over || this.#ending) return;
    this.#ending = true;
    const stop = this.#clock.at(this.#clock.now() + lastWordsMs, () => this.#finish());
    this.#stopEnding = stop;
    this.#pump();
  }

  #stopEnding: () => void = () => undefined;

  /** Ends at once. */
  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimer();
    this.#stopEnding();
    this.#transport.destroy();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimer();
    this.#stopEnding();
    this.#transport.end();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#over) return;
    for (const action of this.#arq.receive(chunk, this.#clock.now())) {
      if (this.#over) return;
      switch (action.type) {
        case 'frame':
          if (this.#events) this.#events.onFrame(action.channel, action.bytes);
          else this.#early.push({ channel: action.channel, bytes: action.bytes });
          break;
        case 'console':
          if (this.#events) this.#events.onConsole(action.text);
          else this.#keep(action.text);
          break;
        case 'open':
          this.#onOpen?.();
          this.#onOpen = null;
          break;
        case 'restarted':
          this.#down('the other side of the serial line began anew');
          return;
        case 'broken':
          this.#down(action.error.message);
          return;
      }
    }
    this.#pump();
  }

  #pump(): void {
    if (this.#over) return;
    const now = this.#clock.now();
    while (this.#free) {
      const bytes = this.#arq.poll(now);
      if (!bytes) break;
      this.#free = this.#transport.write([bytes]);
    }
    this.#stopTimer();
    this.#stopTimer = () => undefined;
    if (this.#ending && this.#arq.idle) {
      this.#finish();
      return;
    }
    const wakeAt = this.#free ? this.#arq.wakeAt() : Number.POSITIVE_INFINITY;
    if (Number.isFinite(wakeAt)) this.#stopTimer = this.#clock.at(Math.max(now, wakeAt), () => this.#pump());
    else if (wakeAt < 0) this.#stopTimer = this.#clock.at(now, () => this.#pump());
  }

  #down(reason: string): void {
    if (this.#over) return;
    this.destroy();
    this.#downReason = reason;
    this.#events?.onDown(reason);
  }

  #keep(text: string): void {
    this.#text = (this.#text + text).slice(-keptText);
  }

  #silent(reason: unknown): unknown {
    if (!(reason instanceof BoardError) || reason.code !== 'board.connect-timeout') return reason;
    const { damaged } = this.#arq.counts;
    const heard =
      this.#text !== ''
        ? 'only text of a console came'
        : damaged > 0
          ? `${damaged} pieces that make no sense came: a wrong baud rate looks like this`
          : 'nothing came at all';
    return new BoardError('board.serial-silent', `No agent answered on ${this.#name}; ${heard}`, {
      cause: reason,
      fields: { name: this.#name, damaged, console: this.#text.slice(-400) },
    });
  }
}

function drawEpoch(): number {
  return randomBytes(4).readUInt32LE() || 1;
}
