import { gram } from '@npulab/addon';
import { describe, expect, it } from 'vitest';
import { dequantizeLinear } from '../src/model/convert.js';
import { columnOrder, gatherColumns, gatherSymmetric, scatterColumns } from '../src/quantize/columns.js';
import { factorHessian, gptqLinear } from '../src/quantize/gptq.js';
import { linearErrors } from '../src/quantize/linear-errors.js';
import { roundToNearest } from '../src/quantize/scales.js';
import { random, randomFloats } from './random-model.js';

const rows = 24;
const width = 64;
const settings = { bits: 4, groupSize: -1, blockSize: 16, actOrder: true, dampFraction: 0.01 };

/** Inputs whose columns lean on each other, as activations do: eight hidden causes and some noise; column 5 loudest. */
function correlated(samples: number, dead: number[] = []): Float32Array {
  const mix = randomFloats(7, 8 * width);
  const next = random(11);
  const x = new Float32Array(samples * width);
  for (let t = 0; t < samples; t++) {
    const causes = Array.from({ length: 8 }, () => next());
    for (let i = 0; i < width; i++) {
      const shared = causes.reduce((sum, cause, c) => sum + cause * (mix[c * width + i] as number), 0);
      x[t * width + i] = dead.includes(i) ? 0 : (shared + 0.1 * next()) * (i === 5 ? 6 : 1);
    }
  }
  return x;
}

async function hessianOf(x: Float32Array): Promise<Float32Array> {
  const h = new Float32Array(width * width);
  await gram(x, h, { rows: x.length / width, width });
  return h;
}

async function outputError(
  w: Float32Array,
  linear: { q: Int8Array; scales: Float32Array; groupSize: number },
  h: Float32Array,
): Promise<number> {
  const rounded = new Float32Array(w.length);
  await dequantizeLinear({ operator: 'x', rows, width, bits: 4, ...linear }, rounded);
  return (await linearErrors(w, rounded, { rows, width }, h)).outputError ?? Number.NaN;
}

describe('GPTQ', () => {
  it.each([
    ['act-order', settings],
    ['columns as they are', { ...settings, actOrder: false }],
    ['one block for all columns', { ...settings, blockSize: 128 }],
    ['groups of 16 columns', { ...settings, groupSize: 16 }],
    ['3 bits', { ...settings, bits: 3 }],
    ['8 bits', { ...settings, bits: 8 }],
  ])('loses less than half of what rounding loses on correlated inputs: %s', async (_, how) => {
    const h = await hessianOf(correlated(256));
    const w = randomFloats(3, rows * width);
    const rtn = await roundToNearest(w, { rows, width, ...how });
    const gptq = await gptqLinear('x', w, rows, await factorHessian(h, width, how), how);
    expect(gptq.scales).toEqual(rtn.scales);
    const limit = 2 ** (how.bits - 1) - 1;
    expect(gptq.q.every((q) => Math.abs(q) <= limit)).toBe(true);
    expect(await outputError(w, gptq, h)).toBeLessThan(
      0.5 * (await outputError(w, { ...rtn, groupSize: how.groupSize }, h)),
    );
  });

  it('gives the same whether the columns are updated in blocks of 1, 16 or 64, up to rounding of sums', async () => {
    const h = await hessianOf(correlated(256));
    const w = randomFloats(3, rows * width);
    const factored = await factorHessian(h, width, settings);
    const results: Awaited<ReturnType<typeof gptqLinear>>[] = [];
    for (const blockSize of [1, 16, 64])
      results.push(await gptqLinear('x', w, rows, factored, { ...settings, blockSize }));
    const errors = await Promise.all(results.map((result) => outputError(w, result, h)));
    for (const result of results) {
      const different = result.q.filter((q, i) => q !== results[0]?.q[i]).length;
      expect(different).toBeLessThan(rows * width * 0.01);
    }
    expect(Math.max(...errors) / Math.min(...errors)).toBeLessThan(1.05);
  });

  it.each([4, 8])(
    'is rounding to nearest where the inputs are uncorrelated (identity Hessian, %i bits)',
    async (bits) => {
      const h = new Float32Array(width * width);
      for (let i = 0; i < width; i++) h[i * width + i] = 1;
      const w = randomFloats(5, rows * width);
      const how = { ...settings, bits };
      const gptq = await gptqLinear('x', w, rows, await factorHessian(h, width, how), how);
      const rtn = await roundToNearest(w, { rows, width, ...how });
      expect(gptq.q).toEqual(rtn.q);
      expect(gptq.scales).toEqual(rtn.scales);
    },
  );

  it('sets weights to zero that no input reaches, and stays finite', async () => {
    const h = await hessianOf(correlated(256, [0, 9, 63]));
    const w = randomFloats(3, rows * width);
    const factored = await factorHessian(h, width, settings);
    expect(factored.dead).toEqual([0, 9, 63]);
    const gptq = await gptqLinear('x', w, rows, factored, settings);
    for (let row = 0; row < rows; row++) for (const column of [0, 9, 63]) expect(gptq.q[row * width + column]).toBe(0);
    expect(gptq.scales.every(Number.isFinite)).toBe(true);
    expect(await outputError(w, gptq, h)).toBeLessThan(
      0.5 * (await outputError(w, { ...(await roundToNearest(w, { rows, width, ...settings })), groupSize: -1 }, h)),
    );
  });

  it('works on inputs of lower rank than columns', async () => {
    const h = await hessianOf(correlated(6));
    const w = randomFloats(3, rows * width);
    const gptq = await gptqLinear('x', w, rows, await factorHessian(h, width, settings), settings);
    const rtn = await roundToNearest(w, { rows, width, ...settings });
    expect(await outputError(w, gptq, h)).toBeLessThan(0.5 * (await outputError(w, { ...rtn, groupSize: -1 }, h)));
  });

  it('leaves weights and Hessian as they were', async () => {
    const h = await hessianOf(correlated(64));
    const w = randomFloats(3, rows * width);
    const [hBefore, wBefore] = [h.slice(), w.slice()];
    await gptqLinear('x', w, rows, await factorHessian(h, width, settings), settings);
    expect(h).toEqual(hBefore);
    expect(w).toEqual(wBefore);
  });
});

describe('rounding to nearest', () => {
  it('uses absmax / 7 at 4 bits and rounds half to even', async () => {
    const w = Float32Array.of(7, 0.5, 1.5, -2.5, -7, 3.49, 0, 6.5);
    expect(await roundToNearest(w, { rows: 1, width: 8, bits: 4, groupSize: -1 })).toEqual({
      q: Int8Array.of(7, 0, 2, -2, -7, 3, 0, 6),
      scales: Float32Array.of(1),
    });
  });

  it('has a scale of its own for every group', async () => {
    const w = Float32Array.of(7, 1, 70, 20, 0, 0, -0.7, 0.1);
    const { q, scales } = await roundToNearest(w, { rows: 2, width: 4, bits: 4, groupSize: 2 });
    expect([...q]).toEqual([7, 1, 7, 2, 0, 0, -7, 1]);
    expect([...scales].map((s) => Number(s.toPrecision(6)))).toEqual([1, 10, 0, 0.1]);
  });

  it('is exact at 8 bits for integers up to 127', async () => {
    const w = Float32Array.from({ length: 255 }, (_, i) => i - 127);
    const { q, scales } = await roundToNearest(w, { rows: 1, width: 255, bits: 8, groupSize: -1 });
    expect([...scales]).toEqual([1]);
    expect(Float32Array.from(q)).toEqual(w);
  });
});

describe('column order', () => {
  it('is by decreasing diagonal, lower column first where equal', () => {
    expect([...columnOrder(Float32Array.of(1, 3, 3, 0, 9), true)]).toEqual([4, 1, 2, 0, 3]);
    expect([...columnOrder(Float32Array.of(1, 3, 3, 0, 9), false)]).toEqual([0, 1, 2, 3, 4]);
  });

  it('moves columns there and back', async () => {
    const order = Int32Array.of(2, 0, 1);
    expect([...(await gatherColumns(Float32Array.of(1, 2, 3, 4, 5, 6), 2, order))]).toEqual([3, 1, 2, 6, 4, 5]);
    expect([...(await scatterColumns(Int8Array.of(3, 1, 2, 6, 4, 5), 2, order))]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...(await gatherSymmetric(Float32Array.of(1, 2, 3, 2, 4, 5, 3, 5, 6), order))]).toEqual([
      6, 3, 5, 3, 1, 2, 5, 2, 4,
    ]);
  });
});
