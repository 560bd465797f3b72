/**
 * Frames over a serial line. Knows which channel a frame takes and, where there is a key, its cipher; refuses to know
 * messages. Frames without a body overtake those with one, even while one of these is under way.
 */
import { type Frame, framePieces, parseFrame } from '../frame/frame.js';
import type { FrameLine } from '../uart/frame-line.js';
import type { DialLink, FrameLink, LinkEvents } from './frame-link.js';

/** Makes bytes of one frame unreadable to others, and checks those that come. Each channel counts by itself. */
export interface FrameCipher {
  seal(channel: 0 | 1, pieces: readonly Uint8Array[]): Uint8Array;
  /** Fails with `board.damaged-message`. */
  open(channel: 0 | 1, bytes: Uint8Array): Uint8Array;
}

/** Agrees on a cipher over a line that is open. */
export type LineHandshake = (line: FrameLine, signal: AbortSignal) => Promise<FrameCipher>;

/** Links over a serial line that `dial` opens. */
export function overSerial(
  dial: (signal: AbortSignal) => Promise<FrameLine>,
  handshake: LineHandshake | null,
): DialLink {
  return async (signal) => {
    const line = await dial(signal);
    let cipher: FrameCipher | null = null;
    try {
      cipher = handshake && (await handshake(line, signal));
    } catch (error) {
      line.destroy();
      throw error;
    }
    return (events) => new SerialLink(line, cipher, events);
  };
}

/** An open link. */
export class SerialLink implements FrameLink {
  readonly #line: FrameLine;
  readonly #cipher: FrameCipher | null;
  readonly #events: LinkEvents;
  #over = false;

  constructor(line: FrameLine, cipher: FrameCipher | null, events: LinkEvents) {
    this.#line = line;
    this.#cipher = cipher;
    this.#events = events;
    line.listen({
      onFrame: (channel, bytes) => this.#receive(channel, bytes),
      onConsole: (text) => events.onConsole?.(text),
      onDown: (reason) => this.#down(reason),
    });
  }

  send(frame: Frame, bulk = frame.body !== null): void {
    const channel = bulk ? 1 : 0;
    const pieces = framePieces(frame, 0);
    this.#line.send(channel, this.#cipher ? [this.#cipher.seal(channel, pieces)] : pieces);
  }

  end(): void {
    this.#over = true;
    this.#line.end();
  }

  destroy(): void {
    this.#over = true;
    this.#line.destroy();
  }

  #receive(channel: 0 | 1, bytes: Uint8Array): void {
    if (this.#over) return;
    try {
      this.#events.onFrame(parseFrame(this.#cipher ? this.#cipher.open(channel, bytes) : bytes));
    } catch (error) {
      this.#line.destroy();
      this.#down(error instanceof Error ? error.message : String(error));
    }
  }

  #down(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.onDown(reason);
  }
}
