/** Where time comes from outside the state machine. Tests bring their own. */

/** Monotonic time, wall time and one kind of timer. */
export interface Clock {
  /** Monotonic ms. */
  now(): number;
  /** µs since 1970. */
  wallMicros(): number;
  /** Calls back at a monotonic time, once; returns what takes it back. */
  at(timeMs: number, run: () => void): () => void;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMicros: () => Date.now() * 1000,
  at: (timeMs, run) => {
    const timer = setTimeout(run, Math.min(0x7fff_ffff, Math.max(0, timeMs - performance.now())));
    return () => clearTimeout(timer);
  },
};
