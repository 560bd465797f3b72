// GPTQ on plain matrices: the factor of the inverse Hessian and the rounding loop. Refuses to know layers.
import { type CallOptions, call } from './call.js';
import { checkArray, checkCounts, checkNumber } from './check.js';
import { native } from './native.js';

/** Options of {@link gptqFactor}. */
export interface FactorOptions extends CallOptions {
  /** Damping as a fraction of the mean diagonal; 0.01 is usual. */
  readonly dampFraction: number;
}

/** Settings of {@link gptqQuantize}. */
export interface RoundingSettings {
  /** Rows of W (outputs). */
  readonly rows: number;
  /** Columns of W (inputs). */
  readonly width: number;
  /** 2 to 8; values lie in ±(2^(bits−1) − 1). */
  readonly bits: number;
  /** Columns whose errors are carried on together; 128 is usual. Changes speed and the last bits, not the method. */
  readonly blockSize: number;
  /** Columns that share a scale, or −1 for one scale per row. */
  readonly groupSize: number;
  /** [rows, groups]. An entry that is 0 is filled with absmax / qmax of its weights first; others are used as given. */
  readonly scales: Float32Array;
  /** Original column of each column of W (act-order with static groups): says whose group's scale a column uses. */
  readonly permutation?: Int32Array | undefined;
}

/**
 * The upper Cholesky factor U of the damped inverse, (H + damp·I)⁻¹ = UᵀU, for the symmetric H [width, width] (kept).
 * Dead columns (diagonal 0) count as 1; on failure the damping is raised tenfold, three times at most.
 *
 * Rejects: `addon.not-positive-definite`, `addon.wrong-size`, `addon.wrong-type`, `addon.out-of-range`, `addon.cancelled`.
 */
export async function gptqFactor(
  h: Float32Array,
  width: number,
  { dampFraction, signal }: FactorOptions,
): Promise<Float32Array<ArrayBuffer>> {
  const what = 'gptqFactor';
  checkCounts(what, { width });
  checkNumber(what, 'dampFraction', dampFraction, 'at least 0', (value) => value >= 0);
  checkArray(what, 'h', h, Float32Array, [width, width]);
  const factor = new Float32Array(width * width);
  const cost = width ** 3;
  await call(what, cost, { signal }, (flag, atOnce) =>
    native().gptqFactor(h, factor, width, dampFraction, flag, atOnce),
  );
  return factor;
}

/**
 * Rounds W [rows, width] (consumed) column by column to `q` [rows, width], spreading each error over later columns by
 * `factor` [width, width]. W, factor, q and `columnLoss` [width] are all in processing order;
 * `columnLoss[c] = Σ_rows err² / 2`.
 *
 * Rejects: as {@link gptqFactor}, and `addon.overlap`.
 */
export async function gptqQuantize(
  w: Float32Array,
  factor: Float32Array,
  { rows, width, bits, blockSize, groupSize, scales, permutation }: RoundingSettings,
  q: Int8Array,
  columnLoss: Float32Array,
  options?: CallOptions,
): Promise<void> {
  const what = 'gptqQuantize';
  checkCounts(what, { rows, width });
  checkCounts(what, { blockSize }, 1);
  checkNumber(
    what,
    'bits',
    bits,
    'an integer from 2 to 8',
    (value) => Number.isInteger(value) && value >= 2 && value <= 8,
  );
  const group = groupSize === -1 ? Math.max(1, width) : groupSize;
  checkCounts(what, { groupSize: group }, 1);
  checkArray(what, 'w', w, Float32Array, [rows, width]);
  checkArray(what, 'factor', factor, Float32Array, [width, width]);
  checkArray(what, 'scales', scales, Float32Array, [rows, Math.ceil(width / group)]);
  checkArray(what, 'q', q, Int8Array, [rows, width]);
  checkArray(what, 'columnLoss', columnLoss, Float32Array, [width]);
  if (permutation) checkArray(what, 'permutation', permutation, Int32Array, [width]);
  const order = permutation ?? null;
  await call(what, (rows * width * width) / 2, options, (flag, atOnce) =>
    native().gptqQuantize(w, factor, scales, order, q, columnLoss, rows, width, bits, blockSize, group, flag, atOnce),
  );
}
