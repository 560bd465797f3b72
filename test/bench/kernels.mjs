// int8 and f32 kernels against what memory and the processor allow, in the same minute.
import { attention, matmulF32, matmulInt8, quantizeRowsInt8 } from '@npulab/addon';
import { medianMs } from './_measure.mjs';

const int8 = (length) => Int8Array.from({ length }, (_, at) => ((at * 37) % 255) - 127);

export async function bench() {
  // Limit: one pass over memory. memchr reads every byte once; written first, since untouched pages are one page of zeros.
  const bytes = Buffer.alloc(256 << 20, 1);
  const readMs = await medianMs(() => bytes.indexOf(2));
  const readGBs = bytes.length / readMs / 1e6;

  const [k, n] = [2048, 5632];
  const layers = 12; // enough weights not to fit the cache
  const weights = int8(n * k * layers);
  const row = int8(k);
  const out = new Int32Array(n * layers);
  const gemvMs = await medianMs(() => matmulInt8(row, weights, out, { m: 1, k, n: n * layers }));

  const m = 512;
  const a = int8(m * k);
  const c = new Int32Array(m * n);
  const b = int8(n * k);
  const gemmMs = await medianMs(() => matmulInt8(a, b, c, { m, k, n }));

  const fa = Float32Array.from({ length: 512 * 1024 }, (_, at) => Math.sin(at));
  const fb = Float32Array.from({ length: 1024 * 1024 }, (_, at) => Math.cos(at));
  const fc = new Float32Array(512 * 1024);
  const floatMs = await medianMs(() => matmulF32(fa, fb, fc, { m: 512, k: 1024, n: 1024 }));

  // Not a limit of attention, which also has its softmax: a peer that says whether its dot products run on the vector unit.
  const shape = { rows: 512, heads: 16, kvHeads: 4, headDim: 64, firstPosition: 0 };
  const [keys, values] = [fb.slice(0, 512 * 256), fb.slice(512 * 256, 2 * 512 * 256)];
  const attentionMs = await medianMs(() => attention(fa, keys, values, fc, shape));

  const scales = new Float32Array(512);
  const q = new Int8Array(512 * 1024);
  const quantizeMs = await medianMs(() => quantizeRowsInt8(fa, q, scales, { rows: 512, width: 1024 }));
  return [
    {
      name: 'int8 decode row, 138 MB of weights',
      value: weights.length / gemvMs / 1e6,
      unit: 'GB/s',
      against: { what: 'GB/s read by one thread', value: readGBs },
    },
    { name: 'int8 512 x 2048 x 5632', value: (2 * m * k * n) / gemmMs / 1e6, unit: 'GOP/s' },
    { name: 'f32 512 x 1024 x 1024', value: (2 * 512 * 1024 * 1024) / floatMs / 1e6, unit: 'GFLOP/s' },
    {
      name: 'causal attention, 512 rows, 16 heads of 64',
      value: (4 * shape.heads * shape.headDim * (512 * 513)) / 2 / attentionMs / 1e6,
      unit: 'GFLOP/s',
      against: {
        what: 'GFLOP/s of the f32 product',
        value: (2 * 512 * 1024 * 1024) / floatMs / 1e6,
      },
    },
    {
      name: 'quantize rows to int8',
      value: fa.byteLength / quantizeMs / 1e6,
      unit: 'GB/s',
      against: { what: 'GB/s read by one thread', value: readGBs },
    },
  ];
}
