// One call: its signal, whether it is small enough to run at once, and its code as an error.
// Knows no kernel. Surprise: small calls run on the calling thread, for a thread hop costs more than they do.
import { AddonError, type AddonErrorCode } from './errors.js';
import { type Answer, type Flag, native } from './native.js';

/** What every kernel call takes. */
export interface CallOptions {
  /** Aborting it makes the call reject with `addon.cancelled` within 200 ms; outputs are then unspecified. */
  readonly signal?: AbortSignal | undefined;
}

/** Multiply-adds (or elements) below which a call runs at once: a few tens of microseconds. */
const smallCost = 1 << 16;

const codes: Record<number, [AddonErrorCode, string]> = {
  1: ['addon.wrong-type', 'an array is not aligned to its element size'],
  2: ['addon.wrong-size', 'an array does not fit the shape'],
  3: ['addon.overlap', 'a result array overlaps an input'],
  4: ['addon.out-of-range', 'a setting is out of its range'],
  5: ['addon.cancelled', 'the computation was cancelled'],
  6: ['addon.not-positive-definite', 'the Hessian is not positive definite even with 1000 times the damping'],
  7: ['addon.isa-unavailable', 'this processor or build lacks the instruction set'],
};

/** Throws what a native code stands for; 0 is success. `what` names the call. */
export function throwCode(what: string, code: number, cause?: unknown): void {
  if (code === 0) return;
  const [name, text] = codes[code] ?? ['addon.internal', `the kernels answered code ${code}`];
  throw new AddonError(name, `${what}: ${text}`, { cause });
}

/** Runs a kernel of about `cost` multiply-adds; rejects with an {@link AddonError}. */
export async function call(
  what: string,
  cost: number,
  options: CallOptions | undefined,
  start: (flag: Flag, atOnce: boolean) => Answer,
): Promise<void> {
  const signal = options?.signal;
  if (signal?.aborted) throwCode(what, 5, signal.reason);
  if (cost <= smallCost) return throwCode(what, await start(null, true));
  if (!signal) return throwCode(what, await start(null, false));
  const flag = new Uint32Array(1);
  const abort = () => {
    Atomics.store(flag, 0, 1);
    native().sweep();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    throwCode(what, await start(flag, false), signal.aborted ? signal.reason : undefined);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
