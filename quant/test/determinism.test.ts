// The same bytes for any number of threads: a quantized model and its metrics can be repeated on another machine.
import { forceIsa, setThreads } from '@npulab/addon';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate, openModel, quantize } from '../src/index.js';
import { random, smallConfig, withFolder, writeModel } from './random-model.js';

const config = { ...smallConfig, hidden: 128, intermediate: 256, headDim: 32, context: 128 };
const calibration = Int32Array.from(
  { length: 512 },
  (
    (next) => () =>
      Math.floor((next() + 1) * 150)
  )(random(3)),
);

afterAll(() => {
  setThreads(0);
  forceIsa(undefined);
});

/** Digest of a GPTQ result, and its metrics in the board's arithmetic. */
async function results(): Promise<unknown> {
  return withFolder(async (folder) => {
    await writeModel(folder, { config });
    using model = await openModel(folder);
    const q = await quantize(model, { method: 'gptq', calibration });
    return [await q.digest(), q.stats, await evaluate(q, calibration, { reference: model, activations: 'int8' })];
  });
}

describe('quantizing and measuring', () => {
  it('give the same bytes with one thread, two and five', async () => {
    setThreads(1);
    const one = await results();
    for (const threads of [2, 5]) {
      setThreads(threads);
      expect(await results()).toEqual(one);
    }
  });

  it('give the same bytes without vector instructions', async () => {
    setThreads(2);
    const detected = await results();
    forceIsa('scalar');
    expect(await results()).toEqual(detected);
  });
});
