// Knows how far rounded weights are from the float ones: in themselves, and in what they do to the calibration inputs.
// Refuses to know models. Surprise: with H = XᵀX, ‖XDᵀ‖² is the sum of D ∘ (DH), so the inputs themselves are not needed.
import { matmulF32 } from '@npulab/addon';
import { breathe } from '../pace.js';

const SLICE = 1 << 16;

/** The two errors of a linear; see LinearStats. */
export interface LinearErrors {
  weightError: number;
  outputError: number | null;
}

/** Errors of ŵ against w, both [rows, width]; `hessian` [width, width] symmetric, or undefined. `difference` is scratch. */
export async function linearErrors(
  w: Float32Array,
  rounded: Float32Array,
  shape: { rows: number; width: number },
  hessian?: Float32Array,
  signal?: AbortSignal,
): Promise<LinearErrors> {
  const difference = new Float32Array(w.length);
  const breath = breathe(signal);
  for (let start = 0; start < w.length; start += SLICE) {
    const end = Math.min(start + SLICE, w.length);
    for (let i = start; i < end; i++) difference[i] = (rounded[i] as number) - (w[i] as number);
    if (breath.due()) await breath.take();
  }
  const weightError = ratio(await dot(difference, difference, signal), await dot(w, w, signal));
  if (!hessian) return { weightError, outputError: null };
  const product = new Float32Array(w.length);
  const size = { m: shape.rows, k: shape.width, n: shape.width };
  await matmulF32(difference, hessian, product, size, { signal });
  const lost = await dot(difference, product, signal);
  await matmulF32(w, hessian, product, size, { signal });
  return { weightError, outputError: ratio(lost, await dot(w, product, signal)) };
}

async function dot(a: Float32Array, b: Float32Array, signal?: AbortSignal): Promise<number> {
  const breath = breathe(signal);
  let sum = 0;
  for (let start = 0; start < a.length; start += SLICE) {
    const end = Math.min(start + SLICE, a.length);
    for (let i = start; i < end; i++) sum += (a[i] as number) * (b[i] as number);
    if (breath.due()) await breath.take();
  }
  return sum;
}

function ratio(lost: number, whole: number): number {
  return lost <= 0 ? 0 : Math.sqrt(lost / whole);
}
