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

/** Monotonic ms to ms since 1970. `Date.now()` counts whole ms, and an offset of a board is known better than that. */
let originMs = performance.timeOrigin;
/** So far apart are both only where the clock was set, or the machine slept. */
const setMs = 20;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMicros: () => {
    const now = performance.now();
    const setBy = Date.now() - (originMs + now);
    if (Math.abs(setBy) > setMs) originMs += setBy;
    return Math.round((originMs + now) * 1000);
  },
  at: (timeMs, run) => {
    const timer = setTimeout(run, Math.min(0x7fff_ffff, Math.max(0, timeMs - performance.now())));
    return () => clearTimeout(timer);
  },
};
