/**
 * An ARQ at work on a transport: feeds it bytes and time, writes what it hands out. Knows transports, the clock and whole
 * frames as bytes; refuses to know what a frame holds. The only part of the serial line that has side effects.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../session/clock.js';
import type { Transport } from '../transport/transport.js';
import { Arq, type ArqCounts } from './arq.js';
import type { FrameLine, LineEvents } from './frame-line.js';
import { Inbox } from './inbox.js';

/** Options of {@link Line}. */
export interface LineOptions {
  role: 'host' | 'board';
  clock: Clock;
  /** Bytes the wire carries in a millisecond; infinite where nobody knows. */
  bytesPerMs: number;
  /** Random and not 0; absent: drawn here. */
  epoch?: number;
  /** Called once the peer has answered. */
  onOpen?(): void;
  /** Called when something queued has gone out. */
  onRoom?(): void;
}

/** How long the last frames of a line that ends may take. */
const lastWordsMs = 500;

/** One end of a serial line. */
export class Line implements FrameLine {
  readonly #transport: Transport;
  readonly #arq: Arq;
  readonly #clock: Clock;
  readonly #inbox = new Inbox();
  readonly #onRoom: () => void;
  #onOpen: () => void;
  #free = true;
  #over = false;
  #ending = false;
  #stopTimer: () => void = () => undefined;
  #stopEnding: () => void = () => undefined;

  constructor(
    transport: Transport,
    { role, clock, bytesPerMs, epoch, onOpen = () => undefined, onRoom = () => undefined }: LineOptions,
  ) {
    this.#transport = transport;
    this.#clock = clock;
    this.#onOpen = onOpen;
    this.#onRoom = onRoom;
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

  /** True once the peer has answered. */
  get open(): boolean {
    return this.#arq.open;
  }

  /** Console text that nobody has heard yet. */
  get text(): string {
    return this.#inbox.text;
  }

  nextFrame(signal: AbortSignal): Promise<Uint8Array> {
    return this.#inbox.next(signal);
  }

  listen(events: LineEvents): void {
    this.#inbox.listen(events);
  }

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

  /** Bytes of a channel's frames that have not gone out yet. */
  queuedBytes(channel: 0 | 1): number {
    return this.#arq.queuedBytes(channel);
  }

  /** Counts, payload, window and round trip so far. */
  get facts(): ArqCounts & Arq['state'] {
    return { ...this.#arq.counts, ...this.#arq.state };
  }

  /** Ends once what is queued has arrived, or half a second has passed. */
  end(): void {
    if (this.#over || this.#ending) return;
    this.#ending = true;
    this.#stopEnding = this.#clock.at(this.#clock.now() + lastWordsMs, () => this.#finish());
    this.#pump();
  }

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
          this.#inbox.onFrame(action.channel, action.bytes);
          break;
        case 'console':
          this.#inbox.onConsole(action.text);
          break;
        case 'open':
          this.#onOpen();
          this.#onOpen = () => undefined;
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
    let wrote = false;
    while (this.#free) {
      const bytes = this.#arq.poll(now);
      if (!bytes) break;
      this.#free = this.#transport.write([bytes]);
      wrote = true;
    }
    if (wrote) this.#onRoom();
    if (this.#over) return;
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
    this.#inbox.onDown(reason);
  }
}

function drawEpoch(): number {
  return randomBytes(4).readUInt32LE() || 1;
}
