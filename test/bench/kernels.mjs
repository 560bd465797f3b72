// int8 and f32 kernels against what memory and the processor allow, in the same minute and in turns.
import { attention, matmulF32, matmulInt8, quantizeRowsInt8, setThreads } from '@npulab/addon';
import { medianMs, mediansMs } from './_measure.mjs';

const int8 = (length) => Int8Array.from({ length }, (_, at) => ((at * 37) % 255) - 127);
const sines = (length) => Float32Array.from({ length }, (_, at) => Math.sin(at));

export async function bench() {
  const [k, n] = [2048, 5632];
  const layers = 12; // enough weights not to fit the cache
  const weights = int8(n * k * layers);
  const row = int8(k);
  const out = new Int32Array(n * layers);
  const wide = { rows: 8192, width: 1024 };
  const [x, q, scales] = [
    sines(wide.rows * wide.width),
    new Int8Array(wide.rows * wide.width),
    new Float32Array(wide.rows),
  ];
  // Limit: one pass over memory. memchr reads every byte once; written first, since untouched pages are one page of zeros. It has one
  // thread, and so have the kernels beside it.
  const bytes = Buffer.alloc(256 << 20, 1);
  setThreads(1);
  const [readMs, gemvMs, quantizeMs] = await mediansMs([
    () => bytes.indexOf(2),
    () => matmulInt8(row, weights, out, { m: 1, k, n: n * layers }),
    () => quantizeRowsInt8(x, q, scales, wide),
  ]);
  setThreads(0);
  const read = { what: 'GB/s read, one thread each', value: bytes.length / readMs / 1e6 };

  const m = 512;
  const [a, b, c] = [int8(m * k), int8(n * k), new Int32Array(m * n)];
  const gemmMs = await medianMs(() => matmulInt8(a, b, c, { m, k, n }));

  const [fa, fb, fc] = [sines(512 * 1024), sines(1024 * 1024), new Float32Array(512 * 1024)];
  // Not a limit of attention, which also has its softmax: a peer that says whether its dot products run on the vector unit.
  const shape = { rows: 512, heads: 16, kvHeads: 4, headDim: 64, firstPosition: 0 };
  const [keys, values] = [fb.slice(0, 512 * 256), fb.slice(512 * 256, 2 * 512 * 256)];
  const [floatMs, attentionMs] = await mediansMs([
    () => matmulF32(fa, fb, fc, { m: 512, k: 1024, n: 1024 }),
    () => attention(fa, keys, values, fc, shape),
  ]);
  const product = (2 * 512 * 1024 * 1024) / floatMs / 1e6;
  return [
    {
      name: 'int8 decode row, 138 MB of weights',
      value: weights.length / gemvMs / 1e6,
      unit: 'GB/s',
      against: read,
    },
    { name: 'int8 512 x 2048 x 5632', value: (2 * m * k * n) / gemmMs / 1e6, unit: 'GOP/s' },
    { name: 'f32 512 x 1024 x 1024', value: product, unit: 'GFLOP/s' },
    {
      name: 'causal attention, 512 rows, 16 heads of 64',
      value: (4 * shape.heads * shape.headDim * (512 * 513)) / 2 / attentionMs / 1e6,
      unit: 'GFLOP/s',
      against: { what: 'GFLOP/s of the f32 product', value: product },
    },
    {
      name: 'quantize rows to int8, 34 MB of floats',
      value: x.byteLength / quantizeMs / 1e6,
      unit: 'GB/s',
      against: read,
    },
  ];
}
