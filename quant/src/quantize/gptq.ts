// Knows GPTQ for the linears that share one input: order columns, factor the Hessian once, round column by column.
// Refuses to know layers and activations; it is given H = XᵀX. Surprise: scales are fixed before the first column moves and
// groups stay where they are ("static groups"), so the order of rounding leaves no trace in the result's format.
import { gptqFactor, gptqQuantize } from '@npulab/addon';
import type { QuantizedLinear } from '../model/model.js';
import { columnOrder, gatherColumns, gatherSymmetric, scatterColumns } from './columns.js';
import { roundToNearest } from './scales.js';
import type { ResolvedSettings } from './settings.js';

/** A factored Hessian, shared by the linears that read the same input. */
export interface FactoredHessian {
  readonly width: number;
  /** H = XᵀX as accumulated [width, width]. */
  readonly hessian: Float32Array;
  /** Upper Cholesky factor of the damped inverse, in processing order. */
  readonly factor: Float32Array;
  /** Original column at each place of the processing order. */
  readonly order: Int32Array;
  /** Columns no calibration input reaches; their weights become 0. */
  readonly dead: readonly number[];
}

/** Orders and factors. `hessian` is kept, not changed. Errors: `quant.cancelled`; `addon.…` where it cannot be factored. */
export async function factorHessian(
  hessian: Float32Array,
  width: number,
  settings: Pick<ResolvedSettings, 'actOrder' | 'dampFraction'>,
  signal?: AbortSignal,
): Promise<FactoredHessian> {
  const diagonal = Float32Array.from({ length: width }, (_, i) => hessian[i * width + i] as number);
  const dead: number[] = [];
  for (let i = 0; i < width; i++) if (diagonal[i] === 0) dead.push(i);
  const order = columnOrder(diagonal, settings.actOrder);
  const ordered = await gatherSymmetric(hessian, order, signal);
  const factor = await gptqFactor(ordered, width, { dampFraction: settings.dampFraction, signal });
  return { width, hessian, factor, order, dead };
}

/** Quantizes w [rows, width] (not changed). */
export async function gptqLinear(
  operator: string,
  w: Float32Array,
  rows: number,
  factored: FactoredHessian,
  settings: Pick<ResolvedSettings, 'bits' | 'groupSize' | 'blockSize'>,
  signal?: AbortSignal,
): Promise<QuantizedLinear> {
  const { width, factor, order, dead } = factored;
  const { bits, groupSize, blockSize } = settings;
  const alive = w.slice();
  for (const column of dead) for (let row = 0; row < rows; row++) alive[row * width + column] = 0;
  const { scales } = await roundToNearest(alive, { rows, width, bits, groupSize }, signal);
  const work = await gatherColumns(alive, rows, order, signal);
  const ordered = new Int8Array(rows * width);
  const loss = new Float32Array(width);
  const how = { rows, width, bits, blockSize: Math.min(blockSize, width), groupSize, scales, permutation: order };
  await gptqQuantize(work, factor, how, ordered, loss, { signal });
  const q = await scatterColumns(ordered, rows, order, signal);
  return { operator, rows, width, bits, groupSize, q, scales };
}
