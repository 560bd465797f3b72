import { expect, test } from 'vitest';
import { add, attention, rmsNorm, rope, siluMul, softmaxRows } from '../src/index.js';
import { floats, worstError } from './support.js';

test('add and siluMul follow their formulas, apart and in place', async () => {
  for (const length of [5, 20_000]) {
    const [a, b] = [floats(1, length), floats(2, length)];
    const [sum, gated] = [new Float32Array(length), new Float32Array(length)];
    await add(a, b, sum);
    await siluMul(a, b, gated);
    expect(sum).toEqual(a.map((value, i) => value + b[i]!));
    expect(
      worstError(
        gated,
        Float64Array.from(a, (g, i) => (g / (1 + Math.exp(-g))) * b[i]!),
      ),
    ).toBeLessThan(1e-6);
    const [first, second] = [a.slice(), b.slice()];
    await add(first, b, first);
    await siluMul(a, second, second);
    expect(first).toEqual(sum);
    expect(second).toEqual(gated);
  }
});

test('rmsNorm divides by the root of the mean square, apart and in place', async () => {
  const [rows, width, eps] = [50, 2048, 1e-5];
  const [x, weight, out] = [floats(3, rows * width), floats(4, width), new Float32Array(rows * width)];
  await rmsNorm(x, weight, out, { rows, width, eps });
  const want = Float64Array.from(x, (value, at) => {
    const row = x.subarray(at - (at % width), at - (at % width) + width);
    if (at % width === 0) factor = 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / width + eps);
    return value * factor * weight[at % width]!;
  });
  expect(worstError(out, want)).toBeLessThan(1e-6);
  await rmsNorm(x, weight, x, { rows, width, eps });
  expect(x).toEqual(out);
});
let factor = 0;

test('softmaxRows makes each row a distribution', async () => {
  const [rows, width] = [30, 1000];
  const x = floats(5, rows * width).map((value) => value * 10);
  const want = new Float64Array(x.length);
  for (let r = 0; r < rows; r++) {
    const row = Array.from(x.subarray(r * width, (r + 1) * width), Math.exp);
    const sum = row.reduce((a, b) => a + b, 0);
    for (let i = 0; i < width; i++) want[r * width + i] = row[i]! / sum;
  }
  await softmaxRows(x, { rows, width });
  expect(worstError(x, want)).toBeLessThan(1e-6);
});

test('rope turns pairs half a head apart by their position', async () => {
  const [rows, heads, headDim, firstPosition, theta] = [3, 2, 64, 2040, 10000];
  const x = floats(6, rows * heads * headDim);
  const half = headDim / 2;
  const want = Float64Array.from(x, (value, at) => {
    const i = at % headDim;
    const angle = (firstPosition + Math.floor(at / (heads * headDim))) * theta ** ((-2 * (i % half)) / headDim);
    const other = x[i < half ? at + half : at - half]!;
    return value * Math.cos(angle) + (i < half ? -1 : 1) * other * Math.sin(angle);
  });
  await rope(x, { rows, heads, headDim, firstPosition, theta });
  expect(worstError(x, want)).toBeLessThan(1e-6);
});

test('attention is causal and groups its key heads', async () => {
  const [rows, heads, kvHeads, headDim, firstPosition] = [6, 4, 2, 16, 5];
  const keys = firstPosition + rows + 3;
  const [q, k, v] = [1, 2, 3].map((seed) => floats(seed, (seed === 1 ? rows * heads : keys * kvHeads) * headDim));
  const out = new Float32Array(q!.length);
  await attention(q!, k!, v!, out, { rows, heads, kvHeads, headDim, firstPosition });
  const want = new Float64Array(q!.length);
  for (let r = 0; r < rows; r++)
    for (let h = 0; h < heads; h++) {
      const at = (r * heads + h) * headDim;
      const kv = (t: number) => (t * kvHeads + Math.floor((h * kvHeads) / heads)) * headDim;
      const weights = Array.from({ length: firstPosition + r + 1 }, (_, t) => {
        let dot = 0;
        for (let i = 0; i < headDim; i++) dot += q![at + i]! * k![kv(t) + i]!;
        return Math.exp(dot / Math.sqrt(headDim));
      });
      const sum = weights.reduce((a, b) => a + b, 0);
      for (let i = 0; i < headDim; i++) want[at + i] = weights.reduce((a, w, t) => a + (w / sum) * v![kv(t) + i]!, 0);
    }
  expect(worstError(out, want)).toBeLessThan(1e-6);
});
