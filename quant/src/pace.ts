// Knows when a loop on the main thread must give way: after 10 ms, so that heartbeats and interrupts get through.
// Refuses to know the loop. Surprise: the wait is setImmediate, not a microtask; microtasks would never let the event loop turn.
import { setImmediate as turn } from 'node:timers/promises';
import { QuantError } from './errors.js';

/** Paces one loop. */
export interface Breath {
  /** True where 10 ms have passed since the last turn. */
  due(): boolean;
  /** Lets the event loop turn, then checks the signal. Errors: `quant.cancelled`. */
  take(): Promise<void>;
}

const SLICE_MS = 10;

/** Starts pacing a loop. */
export function breathe(signal?: AbortSignal): Breath {
  let since = performance.now();
  return {
    due: () => performance.now() - since >= SLICE_MS,
    take: async () => {
      await turn();
      throwIfCancelled(signal);
      since = performance.now();
    },
  };
}

/** Errors: `quant.cancelled` where the signal has fired. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new QuantError('quant.cancelled', 'the call was cancelled', signal.reason);
}

/** Runs `work`; where it fails because of the signal (ours or the addon's way of saying so) throws `quant.cancelled`. */
export async function cancellable<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  throwIfCancelled(signal);
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'addon.cancelled') {
      throw new QuantError('quant.cancelled', 'the call was cancelled', error);
    }
    throw error;
  }
}
