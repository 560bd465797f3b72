/**
 * Frames over a transport. Knows the length prefix, back-pressure and two priorities; refuses to know messages.
 * Surprising: a frame that is being written is never overtaken, but a queued bulk frame is, by every frame without a body.
 */
import { type Frame, frameBytes, framePieces } from '../frame/frame.js';
import type { Spares } from '../frame/spares.js';
import type { Dial, Transport } from '../transport/transport.js';
import { Deframer } from './deframer.js';
import type { DialLink, FrameLink, LinkEvents } from './frame-link.js';

/** Links over a transport that delivers bytes in order, as TCP does. `spares`: memory for the bodies that come. */
export function overStream(dial: Dial, spares?: Spares): DialLink {
  return async (signal) => {
    const transport = await dial(signal);
    return (events) => new Link(transport, events, spares);
  };
}

/** An open link. */
export class Link implements FrameLink {
  readonly #transport: Transport;
  readonly #events: LinkEvents;
  readonly #control: Frame[] = [];
  readonly #bulk: Frame[] = [];
  #free = true;
  #over = false;

  constructor(transport: Transport, events: LinkEvents, spares?: Spares) {
    this.#transport = transport;
    this.#events = events;
    const deframer = new Deframer((frame) => !this.#over && events.onFrame(frame), spares);
    transport.start({
      onData: (chunk) => {
        if (this.#over) return;
        try {
          deframer.push(chunk);
        } catch (error) {
          this.#down(error instanceof Error ? error.message : String(error));
        }
      },
      onDrain: () => {
        this.#free = true;
        this.#pump();
      },
      onClose: (reason) => this.#down(reason),
    });
  }

  send(frame: Frame, bulk = frame.body !== null): void {
    if (this.#over) return;
    (bulk ? this.#bulk : this.#control).push(frame);
    this.#pump();
  }

  /** Bytes that wait for the wire. */
  get queuedBytes(): number {
    return [...this.#control, ...this.#bulk].reduce((sum, frame) => sum + frameBytes(frame), 0);
  }

  end(): void {
    if (this.#over) return;
    this.#free = true;
    while (this.#writeNext());
    this.#over = true;
    this.#transport.end();
  }

  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    this.#transport.destroy();
  }

  #pump(): void {
    while (this.#free && !this.#over && this.#writeNext());
  }

  #writeNext(): boolean {
    const frame = this.#control.shift() ?? this.#bulk.shift();
    if (!frame) return false;
    const pieces = framePieces(frame, 4);
    const head = pieces[0]!;
    new DataView(head.buffer, head.byteOffset).setUint32(0, frameBytes(frame), true);
    this.#free = this.#transport.write(pieces);
    return true;
  }

  #down(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#transport.destroy();
    this.#events.onDown(reason);
  }
}
