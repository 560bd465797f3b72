import { expect, test } from 'vitest';
import * as addon from '../src/index.js';

const f = (n: number) => new Float32Array(n);
const refusals: [string, () => Promise<unknown>, addon.AddonErrorCode, RegExp][] = [
  [
    'a short input',
    () => addon.matmulF32(f(5), f(6), f(4), { m: 2, k: 3, n: 2 }),
    'addon.wrong-size',
    /a has 5 elements/,
  ],
  [
    'a long result',
    () => addon.matmulF32(f(6), f(6), f(5), { m: 2, k: 3, n: 2 }),
    'addon.wrong-size',
    /c has 5 elements/,
  ],
  [
    'a fractional size',
    () => addon.softmaxRows(f(3), { rows: 1.5, width: 2 }),
    'addon.out-of-range',
    /rows is 1.5; it must be an integer/,
  ],
  [
    'a negative size',
    () => addon.gram(f(0), f(0), { rows: -1, width: 0 }),
    'addon.out-of-range',
    /rows is -1; it must be an integer/,
  ],
  [
    'sizes whose product is not exact',
    () => addon.softmaxRows(f(0), { rows: 2 ** 40, width: 2 ** 40 }),
    'addon.wrong-size',
    /its shape/,
  ],
  [
    'another type of array',
    () => addon.add(new Float64Array(2) as unknown as Float32Array, f(2), f(2)),
    'addon.wrong-type',
    /a must be a Float32Array/,
  ],
  [
    'a result on top of an input',
    () => {
      const all = f(100);
      return addon.matmulF32(all.subarray(0, 36), f(36), all.subarray(20, 56), { m: 6, k: 6, n: 6 });
    },
    'addon.overlap',
    /overlaps an input/,
  ],
  [
    'a result shifted against an input',
    () => {
      const all = f(100);
      return addon.add(all.subarray(0, 50), f(50), all.subarray(1, 51));
    },
    'addon.overlap',
    /overlaps an input/,
  ],
  [
    'heads that key heads do not divide',
    () => addon.attention(f(6), f(4), f(4), f(6), { rows: 1, heads: 3, kvHeads: 2, headDim: 2, firstPosition: 0 }),
    'addon.out-of-range',
    /a multiple of kvHeads \(2\)/,
  ],
  [
    'keys a row would see but that are not there',
    () => addon.attention(f(4), f(4), f(4), f(4), { rows: 1, heads: 2, kvHeads: 2, headDim: 2, firstPosition: 1 }),
    'addon.wrong-size',
    /2 keys need 8/,
  ],
  [
    'an odd head',
    () => addon.rope(f(3), { rows: 1, heads: 1, headDim: 3, firstPosition: 0, theta: 10000 }),
    'addon.out-of-range',
    /headDim is 3; it must be even/,
  ],
  [
    'a target outside the vocabulary',
    () => addon.nllRows(f(4), Int32Array.of(4), f(1), { rows: 1, width: 4 }),
    'addon.out-of-range',
    /out of its range/,
  ],
  [
    'nine bits',
    () =>
      addon.gptqQuantize(
        f(4),
        f(4),
        { rows: 2, width: 2, bits: 9, blockSize: 2, groupSize: -1, scales: f(2) },
        new Int8Array(4),
        f(2),
      ),
    'addon.out-of-range',
    /bits is 9/,
  ],
];

test.each(refusals)('%s is refused by name', async (_, attempt, code, text) => {
  const error = await attempt().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(addon.AddonError);
  expect((error as addon.AddonError).code).toBe(code);
  expect((error as addon.AddonError).message).toMatch(text);
  expect((error as addon.AddonError).remedy).toBe(addon.addonErrors[code]);
});

test('an instruction set that is not there cannot be forced', () => {
  const absent = process.arch === 'x64' ? 'neon' : 'avx2';
  expect(() => addon.forceIsa(absent)).toThrow(expect.objectContaining({ code: 'addon.isa-unavailable' }));
  expect(() => addon.forceIsa('sse9')).toThrow(expect.objectContaining({ code: 'addon.out-of-range' }));
  expect(['scalar', 'avx2', 'avx512vnni', 'neon', 'neondot']).toContain(addon.kernels().isa);
});

test('an empty product is done at once', async () => {
  const c = new Float32Array(6).fill(7);
  await addon.matmulF32(f(0), f(0), c, { m: 2, k: 0, n: 3 });
  expect(c).toEqual(f(6));
  await addon.matmulF32(f(0), f(3), f(0), { m: 0, k: 1, n: 3 });
});
