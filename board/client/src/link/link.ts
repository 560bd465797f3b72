/**
 * Frames over a transport. Knows the length prefix, back-pressure and two priorities; refuses to know messages.
 * Surprising: a frame that is being written is never overtaken, but a queued bulk frame is, by every frame without a body.
 */
import { type Frame, frameBytes, framePieces } from '../frame/frame.js';
import type { Transport } from '../transport/transport.js';
import { Deframer } from './deframer.js';

/** What a link tells its user. */
export interface LinkEvents {
  onFrame(frame: Frame): void;
  /** The transport ended or the peer's bytes are no frames; the link is over. */
  onDown(reason: string): void;
}

/** An open link. */
export class Link {
  readonly #transport: Transport;
  readonly #events: LinkEvents;
  readonly #control: Frame[] = [];
  readonly #bulk: Frame[] = [];
  #free = true;
  #over = false;

  constructor(transport: Transport, events: LinkEvents) {
    this.#transport = transport;
    this.#events = events;
    const deframer = new Deframer((frame) => !this.#over && events.onFrame(frame));
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

  /** Queues a frame; frames of one priority keep their order. */
  send(frame: Frame): void {
    if (this.#over) return;
    (frame.body ? this.#bulk : this.#control).push(frame);
    this.#pump();
  }

  /** Bytes that wait for the transport. */
  get queuedBytes(): number {
    return [...this.#control, ...this.#bulk].reduce((sum, frame) => sum + frameBytes(frame), 0);
  }

  /** Writes what is queued, back-pressure or not, then ends. */
  end(): void {
    if (this.#over) return;
    this.#free = true;
    while (this.#writeNext());
    this.#over = true;
    this.#transport.end();
  }

  /** Ends at once. */
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
