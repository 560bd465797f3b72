// Knows how columns are put into another order and back. Refuses to know why.
// Surprise: ties of the diagonal keep their places, so the order is the same on every machine.
import { breathe } from '../pace.js';

/** Columns by decreasing diagonal (ties: lower column first), or as they are. */
export function columnOrder(diagonal: Float32Array, byActivity: boolean): Int32Array {
  const order = Int32Array.from(diagonal, (_, i) => i);
  return byActivity ? order.sort((a, b) => (diagonal[b] as number) - (diagonal[a] as number) || a - b) : order;
}

/** out[i][j] = h[order[i]][order[j]]; a copy [width, width]. Errors: `quant.cancelled`. */
export async function gatherSymmetric(h: Float32Array, order: Int32Array, signal?: AbortSignal): Promise<Float32Array> {
  const width = order.length;
  const out = new Float32Array(width * width);
  const breath = breathe(signal);
  for (let i = 0; i < width; i++) {
    const from = (order[i] as number) * width;
    for (let j = 0; j < width; j++) out[i * width + j] = h[from + (order[j] as number)] as number;
    if (breath.due()) await breath.take();
  }
  return out;
}

/** out[row][j] = w[row][order[j]]; a copy [rows, width]. Errors: `quant.cancelled`. */
export async function gatherColumns(
  w: Float32Array,
  rows: number,
  order: Int32Array,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const width = order.length;
  const out = new Float32Array(rows * width);
  const breath = breathe(signal);
  for (let row = 0; row < rows; row++) {
    const at = row * width;
    for (let j = 0; j < width; j++) out[at + j] = w[at + (order[j] as number)] as number;
    if (breath.due()) await breath.take();
  }
  return out;
}

/** The inverse of {@link gatherColumns} for integers: out[row][order[j]] = q[row][j]. Errors: `quant.cancelled`. */
export async function scatterColumns(
  q: Int8Array,
  rows: number,
  order: Int32Array,
  signal?: AbortSignal,
): Promise<Int8Array> {
  const width = order.length;
  const out = new Int8Array(rows * width);
  const breath = breathe(signal);
  for (let row = 0; row < rows; row++) {
    const at = row * width;
    for (let j = 0; j < width; j++) out[at + (order[j] as number)] = q[at + j] as number;
    if (breath.due()) await breath.take();
  }
  return out;
}
