// Knows how stored bytes become f32: F32 by view or copy, F16 and BF16 through the addon.
// Refuses to know which tensor it is. Surprise: stored bytes need not be aligned; a typed view on them may throw, so they are
// copied where they are not.
import { bf16ToF32, f16ToF32 } from '@npulab/addon';
import { breathe } from '../pace.js';
import type { QuantizedLinear, StoredTensor } from './model.js';

/** The stored values as a view where that is possible (F32, aligned), else undefined. Read only. */
export function float32View(tensor: StoredTensor): Float32Array | undefined {
  const { bytes } = tensor;
  if (tensor.dtype !== 'F32' || bytes.byteOffset % 4 !== 0) return undefined;
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** Converts a stored float tensor into `out`, which has its element count. */
export async function toFloat32(tensor: StoredTensor, out: Float32Array, signal?: AbortSignal): Promise<void> {
  if (tensor.dtype === 'F32') {
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(tensor.bytes);
    return;
  }
  const { bytes } = tensor;
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : Uint8Array.from(bytes);
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
  const convert = tensor.dtype === 'BF16' ? bf16ToF32 : f16ToF32;
  await convert(halves, out, { signal });
}

/** Writes q · scale of every weight into `out` [rows, width]. */
export async function dequantizeLinear(
  linear: QuantizedLinear,
  out: Float32Array,
  signal?: AbortSignal,
): Promise<void> {
  const { rows, width, q, scales } = linear;
  const group = linear.groupSize === -1 ? width : linear.groupSize;
  const breath = breathe(signal);
  for (let start = 0, index = 0; start < rows * width; start += group, index++) {
    const scale = scales[index] as number;
    for (let i = start; i < start + group; i++) out[i] = (q[i] as number) * scale;
    if (breath.due()) await breath.take();
  }
}
