import { expect, test } from 'vitest';
import { gptqFactor, gptqQuantize, gram } from '../src/index.js';
import { floats } from './support.js';

async function hessian(width: number): Promise<Float32Array> {
  const rows = 3 * width;
  const x = floats(11, rows * width);
  for (let at = 1; at < x.length; at++) if (at % width !== 0) x[at] = x[at]! + 0.6 * x[at - 1]!;
  const h = new Float32Array(width * width);
  await gram(x, h, { rows, width });
  return h;
}

test('the factor times its transpose inverts the damped Hessian', async () => {
  const width = 150;
  const h = await hessian(width);
  const u = await gptqFactor(h, width, { dampFraction: 0.01 });
  let mean = 0;
  for (let i = 0; i < width; i++) mean += h[i * width + i]! / width;
  for (let i = 0; i < width; i++) {
    // Row i of (H + damp I) · Uᵀ · U is row i of the identity.
    const half = new Float64Array(width);
    for (let k = 0; k < width; k++)
      for (let j = k; j < width; j++)
        half[k] = half[k]! + (h[i * width + j]! + (i === j ? 0.01 * mean : 0)) * u[k * width + j]!;
    for (let j = 0; j < width; j++) {
      let value = 0;
      for (let k = 0; k <= j; k++) value += half[k]! * u[k * width + j]!;
      expect(Math.abs(value - (i === j ? 1 : 0))).toBeLessThan(1e-4);
      if (j < i) expect(u[i * width + j]).toBe(0);
    }
  }
});

test('a matrix that is no Hessian is refused by name', async () => {
  const h = Float32Array.from([1, 2, 2, 1]);
  await expect(gptqFactor(h, 2, { dampFraction: 1e-6 })).rejects.toMatchObject({ code: 'addon.not-positive-definite' });
});

test('error feedback lowers the output error of plain rounding, for rows and for permuted groups', async () => {
  const [rows, width] = [12, 96];
  const h = await hessian(width);
  const u = await gptqFactor(h, width, { dampFraction: 0.01 });
  const identity = new Float32Array(width * width);
  for (let i = 0; i < width; i++) identity[i * width + i] = 1;
  const w = floats(12, rows * width);
  const order = Int32Array.from({ length: width }, (_, i) => (i * 35) % width);
  const outputError = async (factor: Float32Array, groupSize: number, permutation?: Int32Array) => {
    const groups = groupSize === -1 ? 1 : width / groupSize;
    const scales = new Float32Array(rows * groups);
    const [q, loss] = [new Int8Array(rows * width), new Float32Array(width)];
    const how = { rows, width, bits: 4, blockSize: 32, groupSize, scales, permutation };
    await gptqQuantize(w.slice(), factor, how, q, loss);
    expect(q.every((value) => Math.abs(value) <= 7)).toBe(true);
    expect(loss.every((value) => value >= 0)).toBe(true);
    let total = 0;
    for (let r = 0; r < rows; r++) {
      const d = Float64Array.from({ length: width }, (_, c) => {
        const group = groupSize === -1 ? 0 : Math.floor((permutation?.[c] ?? c) / groupSize);
        return w[r * width + c]! - q[r * width + c]! * scales[r * groups + group]!;
      });
      for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) total += d[i]! * h[i * width + j]! * d[j]!;
    }
    return total;
  };
  expect(await outputError(u, -1)).toBeLessThan(0.7 * (await outputError(identity, -1)));
  expect(await outputError(u, 32, order)).toBeLessThan(0.7 * (await outputError(identity, 32, order)));
});
