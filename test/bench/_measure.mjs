// Medians of repeated runs. A bench prints numbers; it never passes or fails.

/** Median of at least seven runs of `work`, in ms, after one that is not counted. */
export async function medianMs(work, runs = 7) {
  await work();
  const times = [];
  for (let run = 0; run < runs; run += 1) {
    const from = performance.now();
    await work();
    times.push(performance.now() - from);
  }
  return median(times);
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
