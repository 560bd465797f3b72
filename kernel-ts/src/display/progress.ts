/**
 * Progress of long work: one display with the time that is left, updated at most ten times a second, its end always shown.
 * Shown as an HTML bar and as a line of text; the state is volatile, so a report that is run again may differ in it.
 */
import { inspect } from 'node:util';
import { type Bundle, escapeHtml } from './bundle.js';
import { grouped, timeLeftText } from './numbers.js';

/** Emits a bundle; the second call and later ones replace the first. */
export type ProgressSink = (bundle: Bundle, update: boolean) => void;

export interface ProgressOptions {
  readonly label: string;
  /** Amount of work in whatever unit `update` counts; 0 while unknown. */
  readonly total: number;
  readonly unit?: string;
  /** Monotonic milliseconds; injected so that tests own time. */
  readonly now: () => number;
}

const minimumIntervalMs = 100;
/** Before this time the rate is not known well enough to tell what is left. */
const leastForEstimateMs = 1000;

export class Progress {
  readonly #sink: ProgressSink;
  readonly #options: ProgressOptions;
  #shownAtMs = Number.NEGATIVE_INFINITY;
  #shown = false;
  #done = 0;
  #state: 'running' | 'done' | 'stopped' = 'running';
  /** Where the present stage began: a resumed upload starts in the middle, and a new stage counts anew. */
  #first: { readonly done: number; readonly atMs: number } | undefined;
  #total: number;
  #note = '';

  constructor(sink: ProgressSink, options: ProgressOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#total = options.total;
  }

  /** Reports `done` of the total (which may be corrected). Shows it if the last picture is 100 ms old. */
  update(done: number, note = '', total = this.#total): void {
    const nowMs = this.#options.now();
    if (done < this.#done || total !== this.#total) this.#first = undefined;
    this.#first ??= { done, atMs: nowMs };
    this.#done = done;
    this.#total = total;
    this.#note = note;
    if (nowMs - this.#shownAtMs < minimumIntervalMs) return;
    this.#shownAtMs = nowMs;
    this.#show('running');
  }

  /** Shows the end. The text depends on the work alone, not on how long it took. */
  done(note = ''): void {
    this.#done = this.#total;
    this.#note = note;
    this.#show('done');
  }

  /** Shows that the work stopped early. */
  fail(note: string): void {
    this.#note = note;
    this.#show('stopped');
  }

  /** At the rate since the first update; empty while that is not known. */
  #timeLeft(): string {
    const first = this.#first;
    if (first === undefined || this.#done <= first.done) return '';
    const elapsedMs = this.#options.now() - first.atMs;
    if (elapsedMs < leastForEstimateMs) return '';
    return timeLeftText((elapsedMs * (this.#total - this.#done)) / (this.#done - first.done));
  }

  [inspect.custom](): string {
    return this.#text();
  }

  get #part(): number {
    return this.#total > 0 ? Math.min(1, this.#done / this.#total) : 0;
  }

  #text(): string {
    const { label, unit = '' } = this.#options;
    const state = this.#state;
    const amounts = state === 'done' ? grouped(this.#total) : `${grouped(this.#done)} / ${grouped(this.#total)}`;
    return [
      label,
      state === 'running' ? `${Math.floor(this.#part * 100)} %` : state,
      `${amounts}${unit === '' ? '' : ` ${unit}`}`,
      state === 'running' ? this.#timeLeft() : '',
      this.#note,
    ]
      .filter((piece) => piece !== '')
      .join(' · ');
  }

  #show(state: 'running' | 'done' | 'stopped'): void {
    this.#state = state;
    const text = this.#text();
    const bar = `<progress max="1" value="${this.#part.toFixed(3)}"></progress>`;
    this.#sink(
      { 'text/html': `<div class="npulab-progress">${bar} ${escapeHtml(text)}</div>`, 'text/plain': text },
      this.#shown,
    );
    this.#shown = true;
  }
}
