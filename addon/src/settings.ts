// What runs the kernels: instruction set, threads. Process-wide; neither ever changes a result.
import { throwCode } from './call.js';
import { checkCounts } from './check.js';
import { native } from './native.js';

/** What computes. */
export interface Kernels {
  /** Active instruction set: `scalar`, `avx2`, `avx512vnni`, `neon` or `neondot`. */
  readonly isa: string;
  /** Most threads one call uses. */
  readonly threads: number;
  /** Version of the kernels. */
  readonly version: string;
}

/** Instruction set, threads and version of the kernels. Throws `addon.not-built`. */
export function kernels(): Kernels {
  return native().kernels();
}

/** Sets how many threads one call may use; 0 goes back to the number of processors. Throws `addon.out-of-range`. */
export function setThreads(count: number): void {
  checkCounts('setThreads', { count });
  native().setThreads(Math.min(count, 1024));
}

/** Forces an instruction set, or the detected one with `undefined`. Throws `addon.isa-unavailable`, `addon.out-of-range`. */
export function forceIsa(name: string | undefined): void {
  throwCode(`forceIsa(${name})`, native().forceIsa(name));
}
