// Knows cosine and relative L2 error of two streams of numbers, in f64. Refuses to know what they are.
import { breathe } from '../pace.js';

const SLICE = 1 << 16;

/** Sums over all arrays added so far. */
export class Similarity {
  #expected = 0;
  #actual = 0;
  #product = 0;
  #difference = 0;

  /** Adds equally long arrays, giving way to other work every 10 ms. Errors: `quant.cancelled`. */
  async add(expected: Float32Array, actual: Float32Array, signal?: AbortSignal): Promise<void> {
    const breath = breathe(signal);
    for (let start = 0; start < expected.length; start += SLICE) {
      const end = Math.min(start + SLICE, expected.length);
      for (let i = start; i < end; i++) {
        const e = expected[i] as number;
        const a = actual[i] as number;
        this.#expected += e * e;
        this.#actual += a * a;
        this.#product += e * a;
        this.#difference += (a - e) * (a - e);
      }
      if (breath.due()) await breath.take();
    }
  }

  /** Cosine; 1 where both are zero, 0 where one is. */
  get cosine(): number {
    if (this.#difference === 0) return 1;
    const norms = Math.sqrt(this.#expected) * Math.sqrt(this.#actual);
    return norms === 0 ? 0 : this.#product / norms;
  }

  /** ‖actual − expected‖ / ‖expected‖; 0 where equal, Infinity where only the expected is zero. */
  get relativeL2(): number {
    return this.#difference === 0 ? 0 : Math.sqrt(this.#difference / this.#expected);
  }
}
