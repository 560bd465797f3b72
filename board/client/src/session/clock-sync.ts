/**
 * How the board's clock stands to ours, with the error of that (link-protocol.md §3.10): offset of the sample with the shortest round
 * trip, ± half of that round trip, drift from the samples kept. Knows stamps; refuses to know who took them.
 */

/** One PING and its PONG: ours, theirs, theirs, ours. */
export interface ClockSample {
  sentMs: number;
  receivedTicks: number;
  answeredTicks: number;
  gotMs: number;
}

/** Where the board's clock stands. */
export interface ClockEstimate {
  /** Board time (ticks as ms) minus host time (ms since 1970), at the moment of the best sample. */
  offsetMs: number;
  /** The true offset lies within ± this, whatever way the time on the wire was split. */
  errorMs: number;
  /** How much faster the board's clock runs, parts per million; null before there are eight samples over 20 seconds. */
  driftPpm: number | null;
  /** Shortest round trip of the samples, without the time the board held it, ms. */
  roundTripMs: number;
  samples: number;
}

const kept = 16;
const leastForDrift = 8;
const leastSpanMs = 20_000;

/** Keeps the last samples. */
export class ClockSync {
  readonly #hz: number;
  #samples: { atMs: number; offsetMs: number; roundTripMs: number }[] = [];

  /** `hz`: ticks per second of the board's clock. */
  constructor(hz: number) {
    this.#hz = hz;
  }

  /** A PONG came. */
  add({ sentMs, receivedTicks, answeredTicks, gotMs }: ClockSample): void {
    const [receivedMs, answeredMs] = [receivedTicks, answeredTicks].map((ticks) => (ticks * 1000) / this.#hz) as [
      number,
      number,
    ];
    const roundTripMs = Math.max(0, gotMs - sentMs - Math.max(0, answeredMs - receivedMs));
    const offsetMs = (receivedMs - sentMs + (answeredMs - gotMs)) / 2;
    this.#samples = [...this.#samples.slice(1 - kept), { atMs: gotMs, offsetMs, roundTripMs }];
  }

  /** `epochMs`: ms since 1970 of our stamps' zero. Null before the first sample. */
  estimate(epochMs: number): ClockEstimate | null {
    const samples = this.#samples;
    if (samples.length === 0) return null;
    const best = samples.reduce((least, one) => (one.roundTripMs < least.roundTripMs ? one : least));
    return {
      offsetMs: best.offsetMs - epochMs,
      errorMs: best.roundTripMs / 2,
      driftPpm: this.#drift(),
      roundTripMs: best.roundTripMs,
      samples: samples.length,
    };
  }

  /** Slope of the offsets over time, least squares. */
  #drift(): number | null {
    const samples = this.#samples;
    const spanMs = samples.at(-1)!.atMs - samples[0]!.atMs;
    if (samples.length < leastForDrift || spanMs < leastSpanMs) return null;
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const meanAt = mean(samples.map(({ atMs }) => atMs));
    const meanOffset = mean(samples.map(({ offsetMs }) => offsetMs));
    let [over, under] = [0, 0];
    for (const { atMs, offsetMs } of samples) {
      over += (atMs - meanAt) * (offsetMs - meanOffset);
      under += (atMs - meanAt) ** 2;
    }
    return (over / under) * 1e6;
  }
}
