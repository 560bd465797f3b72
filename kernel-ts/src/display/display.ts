/** `display(value)`: shows a value from anywhere in a cell. Displays appear in the order of the calls. */
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
  /** Names the display, so that a later call with `update` replaces it. */
  readonly displayId?: string;
  readonly update?: boolean;
  /** `value` is a MIME bundle already; one whose keys are all MIME types of text, image or application is taken as one anyway. */
  readonly raw?: boolean;
  readonly metadata?: Record<string, unknown>;
}

export interface DisplayFunctions {
  /** Shows a value; resolves when it has been emitted. The cell waits for it also when you do not. */
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
  let nextProgress = 1;

  const emit = async (value: unknown, options: DisplayOptions): Promise<void> => {
    const isBundle = options.raw === true || isMimeBundle(value);
    const bundle = isBundle ? finished(value as Bundle) : await present(value);
    const { displayId, update, metadata } = options;
    host.display(bundle ?? { 'text/plain': plainText(value) }, {
      ...(displayId === undefined ? {} : { displayId }),
      ...(update === undefined ? {} : { update }),
      ...(metadata === undefined ? {} : { metadata }),
    });
  };

  return {
    display(value, options = {}) {
      const work = last.then(() => emit(value, options));
      last = work.catch(() => undefined);
      host.hold(work);
      return work;
    },
    progress(label, total, unit) {
      const displayId = `npulab-progress-${nextProgress++}`;
      const sink = (data: Bundle, update: boolean): void =>
        host.display(data, { displayId, update, metadata: { ...progressMetadata } });
      return new Progress(sink, { label, total, now, ...(unit === undefined ? {} : { unit }) });
    },
  };
}
