// Matrix products. All arrays are row-major; results go into the caller's arrays.
import { type CallOptions, call } from './call.js';
import { checkArray, checkCounts, checkNumber } from './check.js';
import { native } from './native.js';

/** Sizes of a product C [m, n] = A [m, k] · B [n, k]ᵀ. */
export interface ProductShape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** A matrix of rows. */
export interface RowShape {
  readonly rows: number;
  readonly width: number;
}

/**
 * C [m, n] = A [m, k] · B [n, k]ᵀ in f32; the same bytes on every processor and any number of threads.
 *
 * Rejects: `addon.wrong-size`, `addon.wrong-type`, `addon.out-of-range`, `addon.overlap`, `addon.cancelled`.
 */
export async function matmulF32(
  a: Float32Array,
  b: Float32Array,
  c: Float32Array,
  { m, k, n }: ProductShape,
  options?: CallOptions,
): Promise<void> {
  const what = 'matmulF32';
  checkCounts(what, { m, k, n });
  checkArray(what, 'a', a, Float32Array, [m, k]);
  checkArray(what, 'b', b, Float32Array, [n, k]);
  checkArray(what, 'c', c, Float32Array, [m, n]);
  await call(what, m * k * n, options, (flag, atOnce) => native().matmulF32(a, b, c, m, k, n, flag, atOnce));
}

/**
 * C [m, n] = A [m, k] · B [n, k]ᵀ, int8 to int32, exact; k is at most 131071.
 *
 * Rejects: as {@link matmulF32}.
 */
export async function matmulInt8(
  a: Int8Array,
  b: Int8Array,
  c: Int32Array,
  { m, k, n }: ProductShape,
  options?: CallOptions,
): Promise<void> {
  const what = 'matmulInt8';
  checkCounts(what, { m, k, n });
  checkNumber(what, 'k', k, 'at most 131071, so that no sum leaves int32', (value) => value <= 131_071);
  checkArray(what, 'a', a, Int8Array, [m, k]);
  checkArray(what, 'b', b, Int8Array, [n, k]);
  checkArray(what, 'c', c, Int32Array, [m, n]);
  await call(what, (m * k * n) / 4, options, (flag, atOnce) => native().matmulInt8(a, b, c, m, k, n, flag, atOnce));
}

/**
 * H [width, width] += Xᵀ·X for X [rows, width]: the Gram matrix GPTQ calls its Hessian. Call it once per batch of rows;
 * the same batches in the same order give the same bytes.
 *
 * Rejects: as {@link matmulF32}. After `addon.cancelled` H is unusable.
 */
export async function gram(
  x: Float32Array,
  h: Float32Array,
  { rows, width }: RowShape,
  options?: CallOptions,
): Promise<void> {
  const what = 'gram';
  checkCounts(what, { rows, width });
  checkArray(what, 'x', x, Float32Array, [rows, width]);
  checkArray(what, 'h', h, Float32Array, [width, width]);
  const cost = (rows * width * width) / 2;
  await call(what, cost, options, (flag, atOnce) => native().gram(x, h, rows, width, flag, atOnce));
}
