// Medians of repeated runs. A bench prints numbers; it never passes or fails.

/** Median of at least seven runs of `work`, in ms, after one that is not counted. */
export async function medianMs(work, runs = 7) {
  const [ms] = await mediansMs([work], runs);
  return ms;
}

/** {@link medianMs} of each of several works, run in turns so that what else the machine does meets all of them. */
export async function mediansMs(works, runs = 7) {
  const times = works.map(() => []);
  for (let run = 0; run <= runs; run += 1) {
    for (const [at, work] of works.entries()) {
      const from = performance.now();
      await work();
      if (run > 0) times[at].push(performance.now() - from);
    }
  }
  return times.map(median);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** The p-th percentile, p from 0 to 100. */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))];
}
