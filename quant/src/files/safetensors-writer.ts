// Knows how to lay tensors out as one safetensors file, the same bytes for the same tensors.
// Refuses to know disks: it yields chunks, which a caller writes, hashes, or both.
// Surprise: widest elements come first, then names in code-unit order, and the header is padded, so every tensor is aligned.
import { DTYPE_BYTES } from './safetensors.js';

/** A tensor to write. */
export interface TensorToWrite {
  readonly name: string;
  /** A key of DTYPE_BYTES; `bytes` must be exactly shape × dtype. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The file as chunks: the header first, then each tensor's bytes (views of the caller's). Throws RangeError on a wrong size. */
export function safetensorsChunks(
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const elementBytes = (t: TensorToWrite): number => DTYPE_BYTES[t.dtype] ?? 0;
  const sorted = [...tensors].sort((a, b) => elementBytes(b) - elementBytes(a) || (a.name < b.name ? -1 : 1));
  const header: [string, unknown][] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (notes.length > 0) header.push(['__metadata__', Object.fromEntries(notes)]);
  let offset = 0;
  for (const tensor of sorted) {
    const need = tensor.shape.reduce((product, n) => product * n, elementBytes(tensor));
    if (need !== tensor.bytes.length)
      throw new RangeError(`tensor ${tensor.name} needs ${need} bytes and has ${tensor.bytes.length}`);
    header.push([tensor.name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, offset + need] }]);
    offset += need;
  }
  let text = JSON.stringify(Object.fromEntries(header));
  text += ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8);
  const head = new Uint8Array(8 + Buffer.byteLength(text));
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(new TextEncoder().encode(text), 8);
  return [head, ...sorted.map((tensor) => tensor.bytes)];
}
