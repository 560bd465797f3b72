/**
 * One awaited send queue per socket. zeromq.js refuses a second send while one is under way (about one in 512 is not
 * immediate), so an unqueued sender loses messages. Knows bytes and order, refuses to know what they say.
 */

/** A socket that can send; frames leave together. */
export interface FrameSink {
  send(frames: (Uint8Array | string)[]): Promise<void>;
}

interface Item {
  readonly frames: (Uint8Array | string)[];
  readonly sizeBytes: number;
  readonly before: (() => void) | undefined;
  readonly done: () => void;
}

/** Sends in the order of the calls, one at a time. */
export class SendQueue {
  readonly #sink: FrameSink;
  readonly #onError: (error: unknown) => void;
  readonly #waiting: Item[] = [];
  #running = false;
  #queuedBytes = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(sink: FrameSink, onError: (error: unknown) => void) {
    this.#sink = sink;
    this.#onError = onError;
  }

  /** Bytes that ZeroMQ has not taken yet. Readers of requests pause while this is large. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /**
   * Resolves once ZeroMQ has taken the message; a send that fails is reported to `onError`, never rejected.
   * `before` runs in the same turn as the send, after everything that was queued earlier.
   */
  send(frames: (Uint8Array | string)[], before?: () => void): Promise<void> {
    const sent = this.#add(frames, before);
    if (!this.#running) void this.#run();
    return sent;
  }

  /**
   * Like `send`, but the message leaves at the end of this turn at the latest, or with the next one: for what nobody
   * waits for, so that the work which it announces starts before the system call.
   */
  sendSoon(frames: (Uint8Array | string)[]): void {
    void this.#add(frames, undefined);
    setImmediate(() => void this.flushed());
  }

  /** Resolves when everything sent so far has been taken; what is sent later is not waited for. */
  flushed(): Promise<void> {
    if (!this.#running && this.#waiting.length > 0) void this.#run();
    return this.#last;
  }

  #add(frames: (Uint8Array | string)[], before: (() => void) | undefined): Promise<void> {
    const sizeBytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    this.#queuedBytes += sizeBytes;
    this.#last = new Promise((done) => {
      this.#waiting.push({ frames, sizeBytes, before, done });
    });
    return this.#last;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let at = 0; at < this.#waiting.length; at += 1) {
      const next = this.#waiting[at]!;
      try {
        next.before?.();
        await this.#sink.send(next.frames);
      } catch (error) {
        this.#onError(error);
      }
      this.#queuedBytes -= next.sizeBytes;
      next.done();
      if (at > 1024) {
        this.#waiting.splice(0, at + 1);
        at = -1;
      }
    }
    this.#waiting.length = 0;
    this.#running = false;
  }
}
