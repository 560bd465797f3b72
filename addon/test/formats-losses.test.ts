import { expect, test } from 'vitest';
import {
  argmaxRows,
  bf16ToF32,
  dequantize,
  f16ToF32,
  f32ToBf16,
  f32ToF16,
  klRows,
  nllRows,
  quantizeRowsInt8,
} from '../src/index.js';
import { floats, worstError } from './support.js';

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

test('rows quantize to the values of a plain f32 loop and scale back', async () => {
  const [rows, width] = [40, 700];
  const x = floats(1, rows * width);
  x.fill(0, 0, width);
  const [q, scales] = [new Int8Array(x.length), new Float32Array(rows)];
  await quantizeRowsInt8(x, q, scales, { rows, width });
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * width, (r + 1) * width);
    const scale = Math.fround(row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127);
    expect(scales[r]).toBe(scale);
    const want = Int8Array.from(row, (value) => (scale === 0 ? 0 : roundHalfEven(Math.fround(value / scale))));
    expect(q.subarray(r * width, (r + 1) * width)).toEqual(want);
  }
  const out = new Float32Array(x.length);
  const ones = new Float32Array(width).fill(1);
  await dequantize(Int32Array.from(q), scales, ones, out, { rows, columns: width });
  expect(out).toEqual(Float32Array.from(q, (value, at) => value * scales[Math.floor(at / width)]!));
});

test('f16 and bf16 widen exactly and narrow to the nearest', async () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const [wide, back] = [new Float32Array(65536), new Uint16Array(65536)];
  await f16ToF32(all, wide);
  expect([wide[0x3c00], wide[0xc000], wide[0x0001], wide[0x7bff], wide[0xfc00]]).toEqual([
    1,
    -2,
    2 ** -24,
    65504,
    Number.NEGATIVE_INFINITY,
  ]);
  await f32ToF16(wide, back);
  const numbers = all.filter((bits) => (bits & 0x7fff) <= 0x7c00);
  expect(numbers.map((bits) => back[bits]!)).toEqual(numbers);
  await bf16ToF32(all, wide);
  expect([wide[0x3f80], wide[0xbfc0]]).toEqual([1, -1.5]);
  await f32ToBf16(wide, back);
  expect(back.subarray(0, 0x7f81)).toEqual(all.subarray(0, 0x7f81));
});

test('likelihood, divergence and argmax agree with plain f64 loops', async () => {
  const [rows, width] = [5, 3000];
  const [p, q] = [floats(2, rows * width), floats(3, rows * width)].map((x) => x.map((value) => value * 8));
  const targets = Int32Array.from({ length: rows }, (_, r) => (r * 797) % width);
  const [nll, kl, best] = [new Float32Array(rows), new Float32Array(rows), new Int32Array(rows)];
  await nllRows(p!, targets, nll, { rows, width });
  await klRows(p!, q!, kl, { rows, width });
  await argmaxRows(p!, best, { rows, width });
  const logSoftmax = (x: Float32Array, r: number) => {
    const row = Float64Array.from(x.subarray(r * width, (r + 1) * width));
    const norm = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
    return row.map((value) => value - norm);
  };
  for (let r = 0; r < rows; r++) {
    const [lp, lq] = [logSoftmax(p!, r), logSoftmax(q!, r)];
    expect(Math.abs(nll[r]! + lp[targets[r]!]!)).toBeLessThan(2e-6);
    expect(Math.abs(kl[r]! - lp.reduce((sum, value, i) => sum + Math.exp(value) * (value - lq[i]!), 0))).toBeLessThan(
      2e-6,
    );
    expect(best[r]).toBe(lp.indexOf(Math.max(...lp)));
  }
});

test('a conversion in small and in large pieces gives the same values', async () => {
  const x = floats(9, 200_000);
  const [whole, parts] = [new Uint16Array(x.length), new Uint16Array(x.length)];
  await f32ToF16(x, whole);
  for (let at = 0; at < x.length; at += 1000) await f32ToF16(x.subarray(at, at + 1000), parts.subarray(at, at + 1000));
  expect(parts).toEqual(whole);
  const back = new Float32Array(x.length);
  await f16ToF32(whole, back);
  expect(worstError(back, x)).toBeLessThan(2 ** -11);
});
