// The float operators of a Llama block. Rows are independent; results go into the caller's arrays.
import { type CallOptions, call } from './call.js';
import { checkArray, checkCounts, checkNumber } from './check.js';
import { AddonError } from './errors.js';
import { native } from './native.js';
import type { RowShape } from './products.js';

/** Cost of an exponential next to a multiply-add. */
const expCost = 8;

/** Shape of {@link rmsNorm}. */
export interface NormShape extends RowShape {
  /** Added to the mean square. */
  readonly eps: number;
}

/** Shape of {@link rope}. */
export interface RopeShape {
  readonly rows: number;
  readonly heads: number;
  /** Even. */
  readonly headDim: number;
  /** Position of row 0. */
  readonly firstPosition: number;
  /** Base of the frequencies; 10000 in TinyLlama. */
  readonly theta: number;
}

/** Shape of {@link attention}. */
export interface AttentionShape {
  readonly rows: number;
  readonly heads: number;
  /** Divides `heads`; query head h uses key/value head ⌊h · kvHeads / heads⌋. */
  readonly kvHeads: number;
  readonly headDim: number;
  /** Position of row 0: row r sees keys 0 … firstPosition + r. */
  readonly firstPosition: number;
}

/** `out = a + b`; `out` may be `a` or `b`. Rejects: `addon.wrong-size`, `addon.wrong-type`, `addon.overlap`, `addon.cancelled`. */
export async function add(a: Float32Array, b: Float32Array, out: Float32Array, options?: CallOptions): Promise<void> {
  checkArray('add', 'out', out, Float32Array, [out.length]);
  checkArray('add', 'a', a, Float32Array, [out.length]);
  checkArray('add', 'b', b, Float32Array, [out.length]);
  await call('add', out.length, options, (flag, atOnce) => native().add(a, b, out, flag, atOnce));
}

/** `out = gate / (1 + exp(−gate)) · up`; `out` may be an input. Rejects: as {@link add}. */
export async function siluMul(
  gate: Float32Array,
  up: Float32Array,
  out: Float32Array,
  options?: CallOptions,
): Promise<void> {
  checkArray('siluMul', 'out', out, Float32Array, [out.length]);
  checkArray('siluMul', 'gate', gate, Float32Array, [out.length]);
  checkArray('siluMul', 'up', up, Float32Array, [out.length]);
  const cost = out.length * expCost;
  await call('siluMul', cost, options, (flag, atOnce) => native().siluMul(gate, up, out, flag, atOnce));
}

/**
 * `out[r] = x[r] / √(mean(x[r]²) + eps) · weight` for x [rows, width], weight [width]; `out` may be `x`.
 *
 * Rejects: as {@link add}, and `addon.out-of-range`.
 */
export async function rmsNorm(
  x: Float32Array,
  weight: Float32Array,
  out: Float32Array,
  { rows, width, eps }: NormShape,
  options?: CallOptions,
): Promise<void> {
  const what = 'rmsNorm';
  checkCounts(what, { rows, width });
  checkNumber(what, 'eps', eps, 'at least 0', (value) => value >= 0);
  checkArray(what, 'x', x, Float32Array, [rows, width]);
  checkArray(what, 'weight', weight, Float32Array, [width]);
  checkArray(what, 'out', out, Float32Array, [rows, width]);
  const cost = rows * width * 2;
  await call(what, cost, options, (flag, atOnce) => native().rmsNorm(x, weight, out, rows, width, eps, flag, atOnce));
}

/** Softmax of each row of x [rows, width], in place. Rejects: as {@link rmsNorm}. */
export async function softmaxRows(x: Float32Array, { rows, width }: RowShape, options?: CallOptions): Promise<void> {
  checkCounts('softmaxRows', { rows, width });
  checkArray('softmaxRows', 'x', x, Float32Array, [rows, width]);
  const cost = x.length * expCost;
  await call('softmaxRows', cost, options, (flag, atOnce) => native().softmaxRows(x, rows, width, flag, atOnce));
}

/**
 * Rotary position embedding of x [rows, heads, headDim], in place: element i of a head turns with i + headDim/2 by
 * (firstPosition + row) · theta^(−2i/headDim) radians (angles in f64).
 *
 * Rejects: as {@link rmsNorm}.
 */
export async function rope(
  x: Float32Array,
  { rows, heads, headDim, firstPosition, theta }: RopeShape,
  options?: CallOptions,
): Promise<void> {
  const what = 'rope';
  checkCounts(what, { rows, heads, headDim, firstPosition });
  checkNumber(what, 'headDim', headDim, 'even', (value) => value % 2 === 0);
  checkNumber(what, 'theta', theta, 'above 0', (value) => value > 0);
  checkArray(what, 'x', x, Float32Array, [rows, heads, headDim]);
  const cost = x.length * 2 + rows * headDim * 32;
  await call(what, cost, options, (flag, atOnce) =>
    native().rope(x, rows, heads, headDim, firstPosition, theta, flag, atOnce),
  );
}

/**
 * Causal attention: q and out [rows, heads, headDim]; k and v [keys, kvHeads, headDim] with at least
 * firstPosition + rows keys. Scores are scaled by 1/√headDim.
 *
 * Rejects: as {@link rmsNorm}.
 */
export async function attention(
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  out: Float32Array,
  { rows, heads, kvHeads, headDim, firstPosition }: AttentionShape,
  options?: CallOptions,
): Promise<void> {
  const what = 'attention';
  checkCounts(what, { rows, heads, headDim, firstPosition });
  checkCounts(what, { kvHeads }, 1);
  checkNumber(what, 'heads', heads, `a multiple of kvHeads (${kvHeads})`, (value) => value % kvHeads === 0);
  checkArray(what, 'q', q, Float32Array, [rows, heads, headDim]);
  checkArray(what, 'out', out, Float32Array, [rows, heads, headDim]);
  checkArray(what, 'k', k, Float32Array, [k.length]);
  checkArray(what, 'v', v, Float32Array, [k.length]);
  const need = rows === 0 ? 0 : (firstPosition + rows) * kvHeads * headDim;
  if (k.length < need) {
    const text = `${what}: k and v have ${k.length} elements; ${firstPosition + rows} keys need ${need}`;
    throw new AddonError('addon.wrong-size', text);
  }
  const cost = rows * heads * headDim * 2 * (firstPosition + rows / 2);
  await call(what, cost, options, (flag, atOnce) =>
    native().attention(q, k, v, out, rows, heads, kvHeads, headDim, firstPosition, flag, atOnce),
  );
}
