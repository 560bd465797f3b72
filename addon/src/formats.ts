// Between number formats: int8 with scales, bf16 and f16 (as Uint16Array bit patterns), f32.
import { type CallOptions, call } from './call.js';
import { checkArray, checkCounts } from './check.js';
import { type Answer, type Flag, native } from './native.js';
import type { RowShape } from './products.js';

/**
 * Dynamic symmetric int8 per row of x [rows, width]: `scales[r] = absmax / 127`, `q = roundHalfEven(x / scale)` in ±127.
 * A row of zeros gets scale 0.
 *
 * Rejects: `addon.wrong-size`, `addon.wrong-type`, `addon.out-of-range`, `addon.overlap`, `addon.cancelled`.
 */
export async function quantizeRowsInt8(
  x: Float32Array,
  q: Int8Array,
  scales: Float32Array,
  { rows, width }: RowShape,
  options?: CallOptions,
): Promise<void> {
  const what = 'quantizeRowsInt8';
  checkCounts(what, { rows, width });
  checkArray(what, 'x', x, Float32Array, [rows, width]);
  checkArray(what, 'q', q, Int8Array, [rows, width]);
  checkArray(what, 'scales', scales, Float32Array, [rows]);
  const cost = x.length * 4;
  await call(what, cost, options, (flag, atOnce) => native().quantizeRowsInt8(x, q, scales, rows, width, flag, atOnce));
}

/**
 * `out[r, c] = acc[r, c] · rowScales[r] · columnScales[c]` in f32, in this order; acc and out are [rows, columns].
 *
 * Rejects: as {@link quantizeRowsInt8}.
 */
export async function dequantize(
  acc: Int32Array,
  rowScales: Float32Array,
  columnScales: Float32Array,
  out: Float32Array,
  { rows, columns }: { readonly rows: number; readonly columns: number },
  options?: CallOptions,
): Promise<void> {
  const what = 'dequantize';
  checkCounts(what, { rows, columns });
  checkArray(what, 'acc', acc, Int32Array, [rows, columns]);
  checkArray(what, 'rowScales', rowScales, Float32Array, [rows]);
  checkArray(what, 'columnScales', columnScales, Float32Array, [columns]);
  checkArray(what, 'out', out, Float32Array, [rows, columns]);
  await call(what, acc.length, options, (flag, atOnce) =>
    native().dequantize(acc, rowScales, columnScales, out, rows, columns, flag, atOnce),
  );
}

function widen(
  what: 'bf16ToF32' | 'f16ToF32',
  x: Uint16Array,
  out: Float32Array,
  options: CallOptions | undefined,
): Promise<void> {
  checkArray(what, 'x', x, Uint16Array, [x.length]);
  checkArray(what, 'out', out, Float32Array, [x.length]);
  return call(what, x.length, options, (flag: Flag, atOnce: boolean): Answer => native()[what](x, out, flag, atOnce));
}

function narrow(
  what: 'f32ToF16' | 'f32ToBf16',
  x: Float32Array,
  out: Uint16Array,
  options: CallOptions | undefined,
): Promise<void> {
  checkArray(what, 'x', x, Float32Array, [x.length]);
  checkArray(what, 'out', out, Uint16Array, [x.length]);
  return call(what, x.length, options, (flag: Flag, atOnce: boolean): Answer => native()[what](x, out, flag, atOnce));
}

/** Widens bf16 bit patterns; exact. Rejects: as {@link quantizeRowsInt8}. */
export async function bf16ToF32(x: Uint16Array, out: Float32Array, options?: CallOptions): Promise<void> {
  await widen('bf16ToF32', x, out, options);
}

/** Widens f16 bit patterns; exact. Rejects: as {@link quantizeRowsInt8}. */
export async function f16ToF32(x: Uint16Array, out: Float32Array, options?: CallOptions): Promise<void> {
  await widen('f16ToF32', x, out, options);
}

/** Narrows to f16 bit patterns, half to even. Rejects: as {@link quantizeRowsInt8}. */
export async function f32ToF16(x: Float32Array, out: Uint16Array, options?: CallOptions): Promise<void> {
  await narrow('f32ToF16', x, out, options);
}

/** Narrows to bf16 bit patterns, half to even. Rejects: as {@link quantizeRowsInt8}. */
export async function f32ToBf16(x: Float32Array, out: Uint16Array, options?: CallOptions): Promise<void> {
  await narrow('f32ToBf16', x, out, options);
}
