import { afterEach, expect, test } from 'vitest';
import { forceIsa, gram, kernels, matmulF32, matmulInt8, setThreads } from '../src/index.js';
import { bits, bytes, floats, worstError } from './support.js';

afterEach(() => {
  setThreads(0);
  forceIsa(undefined);
});

function plain(a: ArrayLike<number>, b: ArrayLike<number>, m: number, k: number, n: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++)
      for (let x = 0; x < k; x++) c[i * n + j] = c[i * n + j]! + a[i * k + x]! * b[j * k + x]!;
  return c;
}

test.each([
  [1, 1, 1],
  [1, 700, 33],
  [7, 257, 19],
  [64, 300, 130],
])('an f32 product [%i, %i, %i] agrees with the plain loop in f64', async (m, k, n) => {
  const [a, b, c] = [floats(1, m * k), floats(2, n * k), new Float32Array(m * n)];
  await matmulF32(a, b, c, { m, k, n });
  expect(worstError(c, plain(a, b, m, k, n))).toBeLessThan(1e-5);
});

test.each([
  [1, 32, 16],
  [5, 333, 21],
  [40, 512, 100],
])('an int8 product [%i, %i, %i] equals the plain loop', async (m, k, n) => {
  const [a, b, c] = [bytes(1, m * k), bytes(2, n * k), new Int32Array(m * n)];
  await matmulInt8(a, b, c, { m, k, n });
  expect(c).toEqual(Int32Array.from(plain(a, b, m, k, n)));
});

test('the smallest int8 value squared is exact', async () => {
  const shape = { m: 2, k: 10240, n: 3 };
  const c = new Int32Array(6);
  await matmulInt8(new Int8Array(2 * 10240).fill(-128), new Int8Array(3 * 10240).fill(-128), c, shape);
  expect(c).toEqual(new Int32Array(6).fill(16384 * 10240));
});

test('a Gram matrix accumulates over batches and is symmetric', async () => {
  const [rows, width] = [300, 41];
  const x = floats(3, rows * width);
  const [whole, twice] = [new Float32Array(width * width), new Float32Array(width * width)];
  await gram(x, whole, { rows, width });
  await gram(x.subarray(0, 100 * width), twice, { rows: 100, width });
  await gram(x.subarray(100 * width), twice, { rows: 200, width });
  const transposed = Float32Array.from(
    { length: x.length },
    (_, at) => x[(at % rows) * width + Math.floor(at / rows)]!,
  );
  const want = plain(transposed, transposed, width, rows, width);
  expect(worstError(whole, want)).toBeLessThan(1e-5);
  expect(worstError(twice, want)).toBeLessThan(1e-5);
  for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) expect(whole[i * width + j]).toBe(whole[j * width + i]);
});

test('neither the number of threads nor the instruction set changes a byte', async () => {
  const [m, k, n] = [70, 515, 90];
  const [a, b] = [floats(5, m * k), floats(6, n * k)];
  const product = async () => {
    const c = new Float32Array(m * n);
    await matmulF32(a, b, c, { m, k, n });
    return bits(c);
  };
  setThreads(1);
  const want = await product();
  for (const threads of [2, 3, 8]) {
    setThreads(threads);
    expect(kernels().threads).toBe(threads);
    expect(await product()).toEqual(want);
  }
  forceIsa('scalar');
  expect(kernels().isa).toBe('scalar');
  expect(await product()).toEqual(want);
});

test('arrays over shared memory work like any other', async () => {
  const shared = (from: Float32Array) => {
    const view = new Float32Array(new SharedArrayBuffer(from.byteLength));
    view.set(from);
    return view;
  };
  const [a, b] = [floats(7, 40 * 200), floats(8, 60 * 200)];
  const [c, d] = [new Float32Array(2400), new Float32Array(new SharedArrayBuffer(9600))];
  await matmulF32(a, b, c, { m: 40, k: 200, n: 60 });
  await matmulF32(shared(a), shared(b), d, { m: 40, k: 200, n: 60 });
  expect(bits(d)).toEqual(bits(c));
});
