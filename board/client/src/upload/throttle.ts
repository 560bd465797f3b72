/** Progress at most ten times a second, the last state always. Time comes from the caller. */
import type { Progress } from '../options.js';

const everyMs = 100;

/** Counts one stage. */
export class Throttle {
  readonly #stage: Progress['stage'];
  readonly #totalBytes: number;
  readonly #context: { now(): number; onProgress(progress: Progress): void };
  #doneBytes = 0;
  #toldBytes = -1;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(
    stage: Progress['stage'],
    totalBytes: number,
    context: { now(): number; onProgress(progress: Progress): void },
  ) {
    this.#stage = stage;
    this.#totalBytes = totalBytes;
    this.#context = context;
  }

  /** More bytes are done. */
  add(sizeBytes: number): void {
    this.#doneBytes += sizeBytes;
    if (this.#context.now() - this.#toldAt >= everyMs) this.#tell();
  }

  /** The stage is over: its last state is told if it was not. */
  finish(): void {
    if (this.#toldBytes !== this.#doneBytes) this.#tell();
  }

  #tell(): void {
    this.#toldAt = this.#context.now();
    this.#toldBytes = this.#doneBytes;
    this.#context.onProgress({ stage: this.#stage, doneBytes: this.#doneBytes, totalBytes: this.#totalBytes });
  }
}
