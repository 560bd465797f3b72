/**
 * How often running code looks whether it has to stop. V8 11 looks at each call of a function and, in a loop without calls that
 * is not optimized, only once a budget of 66 KiB of bytecode is used up: some thousand rounds, which a slow round (`[...new Array(1e5)]`,
 * `JSON.parse` of a long text) turns into seconds. Knows no interrupt. Surprise: the same budget decides when V8 optimizes, so the
 * ticks grow by as much as the budget shrinks.
 */
import { setFlagsFromString } from 'node:v8';

/** How much more often than V8 does by itself. */
const FINER = 256;

/** Call before user code. Other versions of V8 have other flags, and would print that they do not know these. */
export function installStopChecks(): void {
  if (!process.versions.v8.startsWith('11.')) return;
  for (const flag of [
    `--interrupt-budget=${67_584 / FINER}`,
    `--ticks-before-optimization=${3 * FINER}`,
    `--bytecode-size-allowance-per-tick=${Math.max(1, Math.floor(150 / FINER))}`,
    '--max-bytecode-size-for-early-opt=0', // a first tick comes too early now to say that a short function is hot
  ]) {
    setFlagsFromString(flag);
  }
}
