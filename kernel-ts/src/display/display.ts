/** `display(value)`: shows a value from anywhere in a cell. Displays appear in the order of the calls. */
import { randomUUID } from 'node:crypto';
import type { Bundle } from './bundle.js';
import { finished } from './finished.js';
import { plainText } from './plain.js';
import { present } from './present.js';
import { Progress } from './progress.js';

/** What displays are emitted through; the engine's cell host satisfies it. */
export interface DisplayHost {
  display(data: Bundle, options?: { displayId?: string; update?: boolean; metadata?: Record<string, unknown> }): void;
  hold(work: Promise<unknown>): void;
}

export interface DisplayOptions {
  /** Names the display, so that a later call with `update` replaces it; `true` gives it a name of its own. */
  readonly displayId?: string | true;
  readonly update?: boolean;
  /** `value` is a MIME bundle already; one whose keys are all MIME types of text, image or application is taken as one anyway. */
  readonly raw?: boolean;
  readonly metadata?: Record<string, unknown>;
}

/** A display that is replaced in place, from the same cell or a later one. Not to be awaited before it is kept. */
export interface DisplayHandle extends Promise<void> {
  readonly displayId: string;
  /** Shows another value in its place; resolves when it has been emitted. */
  update(value: unknown, options?: Omit<DisplayOptions, 'displayId' | 'update'>): Promise<void>;
}

export interface DisplayFunctions {
  /**
   * Shows a value; resolves when it has been emitted. The cell waits for it also when you do not. With a `displayId` it gives
   * a handle: `const live = display(first, { displayId: true })`, then `live.update(next)`.
   */
  display(value: unknown, options: DisplayOptions & { readonly displayId: string | true }): DisplayHandle;
  display(value: unknown, options?: DisplayOptions): Promise<void>;
  /** Starts a progress display that is updated in place. Its picture is marked volatile for reports. */
  progress(label: string, total: number, unit?: string): Progress;
}

/** Output metadata that tells reports not to compare an output: its text depends on timing. */
export const volatileMetadata: Readonly<Record<string, unknown>> = { npulab: { volatile: true } };

/** Metadata of a progress display: volatile, and of no interest once a report is read. */
export const progressMetadata: Readonly<Record<string, unknown>> = { npulab: { volatile: true, progress: true } };

/** An object of nothing but MIME types: nobody has such data by accident. */
function isMimeBundle(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => /^(text|image|application)\/[\w.+-]+$/.test(key));
}

export function createDisplay(host: DisplayHost, now: () => number): DisplayFunctions {
  let last: Promise<void> = Promise.resolve();
  // A process that took another's place must not update what the other showed.
  const session = randomUUID().slice(0, 8);
  let displays = 0;
  const newId = (kind: string): string => {
    displays += 1;
    return `npulab-${kind}-${session}-${displays}`;
  };

  const emit = async (value: unknown, options: DisplayOptions): Promise<void> => {
    const isBundle = options.raw === true || isMimeBundle(value);
    const bundle = isBundle ? finished(value as Bundle) : await present(value);
    const { displayId, update, metadata } = options;
    host.display(bundle ?? { 'text/plain': plainText(value) }, {
      ...(typeof displayId === 'string' ? { displayId } : {}),
      ...(update === undefined ? {} : { update }),
      ...(metadata === undefined ? {} : { metadata }),
    });
  };

  const show = (value: unknown, options: DisplayOptions): Promise<void> => {
    const work = last.then(() => emit(value, options));
    last = work.catch(() => undefined);
    host.hold(work);
    return work;
  };

  function display(value: unknown, options: DisplayOptions & { readonly displayId: string | true }): DisplayHandle;
  function display(value: unknown, options?: DisplayOptions): Promise<void>;
  function display(value: unknown, options: DisplayOptions = {}): Promise<void> {
    if (options.displayId === undefined) return show(value, options);
    const displayId = options.displayId === true ? newId('display') : options.displayId;
    return Object.assign(show(value, { ...options, displayId }), {
      displayId,
      update: (next: unknown, more: DisplayOptions = {}) => show(next, { ...more, displayId, update: true }),
    });
  }

  return {
    display,
    progress(label, total, unit) {
      const displayId = newId('progress');
      const sink = (data: Bundle, update: boolean): void =>
        host.display(data, { displayId, update, metadata: { ...progressMetadata } });
      return new Progress(sink, { label, total, now, ...(unit === undefined ? {} : { unit }) });
    },
  };
}
