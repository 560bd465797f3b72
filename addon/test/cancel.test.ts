import { expect, test } from 'vitest';
import { type CallOptions, gptqFactor, gram, matmulF32, matmulInt8 } from '../src/index.js';
import { floats } from './support.js';

const size = 3000;
const square = floats(1, size * size);
const shape = { m: size, k: size, n: size };

const longCalls: [string, (options: CallOptions) => Promise<unknown>][] = [
  ['matmulF32', (options) => matmulF32(square, square, new Float32Array(size * size), shape, options)],
  [
    'matmulInt8',
    (options) => {
      const bytes = new Int8Array(size * size).fill(3);
      return matmulInt8(bytes, bytes, new Int32Array(size * size), shape, options);
    },
  ],
  ['gram', (options) => gram(square, new Float32Array(size * size), { rows: size, width: size }, options)],
  [
    'gptqFactor',
    (options) => {
      const h = new Float32Array(size * size);
      for (let i = 0; i < size; i++) h[i * size + i] = 1;
      return gptqFactor(h, size, { dampFraction: 0.01, ...options });
    },
  ],
];

test.each(longCalls)('%s stops soon after its signal and says so', async (_, start) => {
  const controller = new AbortController();
  const call = start({ signal: controller.signal });
  await new Promise((resolve) => setImmediate(resolve));
  const aborted = performance.now();
  controller.abort(new Error('enough'));
  await expect(call).rejects.toMatchObject({ code: 'addon.cancelled', cause: { message: 'enough' } });
  expect(performance.now() - aborted).toBeLessThan(1000); // 200 ms on a quiet machine; tests run beside others.
});

test('a call whose signal was aborted before does not start', async () => {
  const c = new Float32Array(1).fill(5);
  const call = matmulF32(
    Float32Array.of(1),
    Float32Array.of(1),
    c,
    { m: 1, k: 1, n: 1 },
    { signal: AbortSignal.abort() },
  );
  await expect(call).rejects.toMatchObject({ code: 'addon.cancelled' });
  expect(c[0]).toBe(5);
});

test('a cancelled call does not wait for its turn in the queue', async () => {
  const running = Array.from({ length: 6 }, () => new AbortController());
  const calls = running.map(({ signal }) =>
    gram(square, new Float32Array(size * size), { rows: size, width: size }, { signal }),
  );
  running[5]!.abort();
  await expect(calls[5]).rejects.toMatchObject({ code: 'addon.cancelled' });
  const others = Promise.allSettled(calls.slice(0, 5));
  for (const controller of running) controller.abort();
  expect((await others).map((result) => result.status)).toEqual(Array(5).fill('rejected'));
});
