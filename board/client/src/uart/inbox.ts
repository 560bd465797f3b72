/** What a line has told before anybody listened, kept in order. Knows frames as bytes; refuses to know where they come from. */
import { BoardError } from '../errors.js';
import type { LineEvents } from './frame-line.js';

/** How much console text is kept. */
const keptText = 4096;

/** A listener that may come late. */
export class Inbox implements LineEvents {
  #events: LineEvents | null = null;
  #early: { channel: 0 | 1; bytes: Uint8Array }[] = [];
  #text = '';
  #downReason: string | null = null;

  /** Console text that nobody has heard yet. */
  get text(): string {
    return this.#text;
  }

  onFrame(channel: 0 | 1, bytes: Uint8Array): void {
    if (this.#events) this.#events.onFrame(channel, bytes);
    else this.#early.push({ channel, bytes });
  }

  onConsole(text: string): void {
    if (this.#events) this.#events.onConsole(text);
    else this.#text = (this.#text + text).slice(-keptText);
  }

  onDown(reason: string): void {
    this.#downReason = reason;
    this.#events?.onDown(reason);
  }

  /** Begins delivery; what came before is told first. */
  listen(events: LineEvents): void {
    queueMicrotask(() => {
      this.#events = events;
      if (this.#text !== '') events.onConsole(this.#text);
      this.#text = '';
      for (const { channel, bytes } of this.#early.splice(0)) events.onFrame(channel, bytes);
      if (this.#downReason !== null) events.onDown(this.#downReason);
    });
  }

  /** The next frame, before delivery has begun. */
  next(signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        signal.removeEventListener('abort', onAbort);
        this.#events = null;
        finish();
      };
      const fail = (reason: string) => settle(() => reject(new BoardError('board.connect-failed', reason)));
      const onAbort = () => settle(() => reject(signal.reason));
      const first = this.#early.shift();
      if (first) return resolve(first.bytes);
      if (signal.aborted) return onAbort();
      if (this.#downReason !== null) return fail(this.#downReason);
      signal.addEventListener('abort', onAbort);
      this.#events = {
        onFrame: (_channel, bytes) => settle(() => resolve(bytes)),
        onConsole: (text) => {
          this.#text = (this.#text + text).slice(-keptText);
        },
        onDown: fail,
      };
    });
  }
}
