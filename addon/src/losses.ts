// How far logits are from a target, one value per row; sums run in f64.
import { type CallOptions, call } from './call.js';
import { checkArray, checkCounts } from './check.js';
import { native } from './native.js';
import type { RowShape } from './products.js';

/** Cost of an f64 exponential next to a multiply-add. */
const expCost = 16;

/**
 * Negative log-likelihood in nats of `targets[r]` under softmax(logits[r]); logits [rows, width], every target in 0 … width−1.
 *
 * Rejects: `addon.wrong-size`, `addon.wrong-type`, `addon.out-of-range`, `addon.overlap`, `addon.cancelled`.
 */
export async function nllRows(
  logits: Float32Array,
  targets: Int32Array,
  out: Float32Array,
  { rows, width }: RowShape,
  options?: CallOptions,
): Promise<void> {
  const what = 'nllRows';
  checkCounts(what, { rows, width });
  checkArray(what, 'logits', logits, Float32Array, [rows, width]);
  checkArray(what, 'targets', targets, Int32Array, [rows]);
  checkArray(what, 'out', out, Float32Array, [rows]);
  const cost = logits.length * expCost;
  await call(what, cost, options, (flag, atOnce) => native().nllRows(logits, targets, out, rows, width, flag, atOnce));
}

/** KL(softmax(p[r]) ‖ softmax(q[r])) in nats, never below 0; p and q are logits [rows, width]. Rejects: as {@link nllRows}. */
export async function klRows(
  pLogits: Float32Array,
  qLogits: Float32Array,
  out: Float32Array,
  { rows, width }: RowShape,
  options?: CallOptions,
): Promise<void> {
  const what = 'klRows';
  checkCounts(what, { rows, width });
  checkArray(what, 'pLogits', pLogits, Float32Array, [rows, width]);
  checkArray(what, 'qLogits', qLogits, Float32Array, [rows, width]);
  checkArray(what, 'out', out, Float32Array, [rows]);
  const cost = pLogits.length * expCost * 2;
  await call(what, cost, options, (flag, atOnce) => native().klRows(pLogits, qLogits, out, rows, width, flag, atOnce));
}

/** Index of the largest logit of each row, the first of equals; width is at least 1. Rejects: as {@link nllRows}. */
export async function argmaxRows(
  logits: Float32Array,
  out: Int32Array,
  { rows, width }: RowShape,
  options?: CallOptions,
): Promise<void> {
  const what = 'argmaxRows';
  checkCounts(what, { rows });
  checkCounts(what, { width }, 1);
  checkArray(what, 'logits', logits, Float32Array, [rows, width]);
  checkArray(what, 'out', out, Int32Array, [rows]);
  await call(what, logits.length, options, (flag, atOnce) =>
    native().argmaxRows(logits, out, rows, width, flag, atOnce),
  );
}
