// Knows how logits become a token; the same steps in the same f32 order as the board's tinyllama crate (sampling.rs).
// Refuses to know models. Surprise: a draw is numbered (1 for the first token after the prompt), so a rewound run repeats it.
import { argmaxRows, softmaxRows } from '@npulab/addon';
import { QuantError } from '../errors.js';

/** How the next token is chosen. */
export interface Sampling {
  /** 0: the highest logit, lowest id where equal. */
  readonly temperature: number;
  /** Probability mass of the nucleus, over 0 up to 1. */
  readonly topP: number;
  /** Seed of splitmix64, taken modulo 2^64. */
  readonly seed: bigint;
}

const MASK = (1n << 64n) - 1n;

/** Checks and completes. Errors: `quant.bad-settings`. */
export function sampling(options: { temperature?: number; topP?: number; seed?: number | bigint }): Sampling {
  const { temperature = 0, topP = 1, seed = 0 } = options;
  const bad = (message: string): QuantError => new QuantError('quant.bad-settings', message);
  if (!Number.isFinite(temperature) || temperature < 0)
    throw bad(`temperature is ${temperature}; it must be at least 0`);
  if (!(topP > 0 && topP <= 1)) throw bad(`topP is ${topP}; it must be over 0 and at most 1`);
  if (typeof seed === 'number' && !Number.isSafeInteger(seed)) throw bad(`seed is ${seed}; it must be an integer`);
  return { temperature: Math.fround(temperature), topP: Math.fround(topP), seed: BigInt(seed) & MASK };
}

/** The draw-th output (from 1) of splitmix64, reduced to [0, 1) with 24 bits. */
export function unit(seed: bigint, draw: number): number {
  let z = (seed + BigInt(draw) * 0x9e3779b97f4a7c15n) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  z ^= z >> 31n;
  return Number(z >> 40n) / 2 ** 24;
}

/** Picks from one row of logits. Errors: `model.not-finite`. */
export async function pickToken(logits: Float32Array, how: Sampling, draw: number): Promise<number> {
  const width = logits.length;
  const best = new Int32Array(1);
  await argmaxRows(logits, best, { rows: 1, width });
  if (!Number.isFinite(logits[best[0] as number])) {
    throw new QuantError('model.not-finite', 'the logits hold no finite maximum');
  }
  if (how.temperature === 0) return best[0] as number;
  const p = logits.map((x) => x / how.temperature);
  await softmaxRows(p, { rows: 1, width });
  const order = Int32Array.from(p, (_, id) => id).sort((a, b) => (p[b] as number) - (p[a] as number) || a - b);
  const cumulative: number[] = [];
  let sum = 0;
  for (const id of order) {
    sum = Math.fround(sum + (p[id] as number));
    cumulative.push(sum);
    if (sum >= how.topP) break;
  }
  const target = Math.fround(unit(how.seed, draw) * sum);
  const place = cumulative.findIndex((c) => c > target);
  return order[place === -1 ? cumulative.length - 1 : place] as number;
}
