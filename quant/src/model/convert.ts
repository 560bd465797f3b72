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

/** Elements converted between two looks at the clock. */
const SLICE = 1 << 21;

/** Converts a stored float tensor into `out`, which has its element count. Errors: `quant.cancelled`. */
export async function toFloat32(tensor: StoredTensor, out: Float32Array, signal?: AbortSignal): Promise<void> {
  const { dtype, bytes } = tensor;
  const breath = breathe(signal);
  const convert = dtype === 'BF16' ? bf16ToF32 : f16ToF32;
  const elementBytes = dtype === 'F32' ? 4 : 2;
  for (let start = 0; start < out.length; start += SLICE) {
    const part = out.subarray(start, start + SLICE);
    const stored = bytes.subarray(start * elementBytes, (start + part.length) * elementBytes);
    if (dtype === 'F32') {
      new Uint8Array(part.buffer, part.byteOffset, part.byteLength).set(stored);
    } else {
      const aligned = stored.byteOffset % 2 === 0 ? stored : stored.slice();
      await convert(new Uint16Array(aligned.buffer, aligned.byteOffset, part.length), part, { signal });
    }
    if (breath.due()) await breath.take();
  }
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
