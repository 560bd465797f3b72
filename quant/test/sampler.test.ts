// The vectors of splitmix64 and the rules are the board's (tinyllama, sampling.rs); both sides must pick the same token.
import { describe, expect, it } from 'vitest';
import { generate, openModel } from '../src/index.js';
import { pickToken, sampling, unit } from '../src/model/sampler.js';
import { errorOf, withFolder, writeModel } from './random-model.js';

const greedy = sampling({});

describe('the sampler', () => {
  it('draws the published sequence of splitmix64, 24 bits of each', () => {
    const published = [6457827717110365317n, 3203168211198807973n, 9817491932198370423n];
    expect([1, 2, 3].map((draw) => unit(1_234_567n, draw))).toEqual(published.map((z) => Number(z >> 40n) / 2 ** 24));
  });

  it('takes the highest logit, the lowest id where equal, when greedy', async () => {
    expect(await pickToken(Float32Array.of(1, 3, 3, -5), greedy, 1)).toBe(1);
  });

  it('refuses logits without a finite maximum', async () => {
    for (const logits of [Float32Array.of(Number.NaN, Number.NaN), Float32Array.of(0, Number.POSITIVE_INFINITY)]) {
      expect((await errorOf(() => pickToken(logits, greedy, 1))).code).toBe('model.not-finite');
    }
  });

  it('never leaves a nucleus that holds only the most likely token', async () => {
    const how = sampling({ temperature: 1, topP: 0.01, seed: 9 });
    for (let draw = 1; draw < 50; draw++) expect(await pickToken(Float32Array.of(0, 0.1, 2, 1.9), how, draw)).toBe(2);
  });

  it('draws as often as the probabilities say', async () => {
    const how = sampling({ temperature: 1, seed: 7 });
    const counts = [0, 0, 0];
    for (let draw = 1; draw <= 2000; draw++) {
      const id = await pickToken(Float32Array.of(0, Math.log(3), Number.NEGATIVE_INFINITY), how, draw);
      counts[id] = (counts[id] as number) + 1;
    }
    expect(counts[2]).toBe(0);
    expect(counts[1]).toBeGreaterThan(1440);
    expect(counts[1]).toBeLessThan(1560);
  });

  it('picks by the position of the draw in the ordered probabilities', async () => {
    // Probabilities 1/4 (id 0), 1/2 (id 1), 1/4 (id 2), ordered 1, 0, 2; the ends are at 1/2, 3/4 and 1.
    const logits = Float32Array.of(0, Math.log(2), 0);
    for (let draw = 1; draw <= 40; draw++) {
      const u = unit(3n, draw);
      expect(await pickToken(logits, sampling({ temperature: 1, seed: 3 }), draw)).toBe(u < 0.5 ? 1 : u < 0.75 ? 0 : 2);
    }
  });

  it.each([
    [{ temperature: -1 }, 'temperature is -1; it must be at least 0'],
    [{ temperature: Number.NaN }, 'temperature is NaN; it must be at least 0'],
    [{ topP: 0 }, 'topP is 0; it must be over 0 and at most 1'],
    [{ topP: 1.5 }, 'topP is 1.5; it must be over 0 and at most 1'],
    [{ seed: 0.5 }, 'seed is 0.5; it must be an integer'],
  ])('refuses %j', async (options, message) => {
    const error = await errorOf(() => sampling(options));
    expect([error.code, error.message]).toEqual(['quant.bad-settings', message]);
  });
});

describe('generation', () => {
  const ids = async (options: Parameters<typeof generate>[2], prompt: string | number[] = [1, 70]): Promise<number[]> =>
    withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const all: number[] = [];
      for await (const { token } of generate(model, prompt, options)) all.push(token);
      return all;
    });

  it('repeats for a seed and differs for another', async () => {
    const how = { maxTokens: 20, temperature: 1, topP: 0.9, seed: 5, stopTokens: [] };
    const one = await ids(how);
    expect(one.length).toBe(20);
    expect(await ids(how)).toEqual(one);
    expect(await ids({ ...how, seed: 6 })).not.toEqual(one);
  });

  it('refuses a number of tokens that is none', async () => {
    for (const maxTokens of [-1, 1.5, Number.NaN]) {
      const refused = await ids({ maxTokens }).catch((error: unknown) => error);
      expect(refused).toMatchObject({
        code: 'quant.bad-settings',
        message: `maxTokens is ${maxTokens}; it must be a whole number, at least 0`,
      });
    }
    expect(await ids({ maxTokens: 0 })).toEqual([]);
  });

  it('yields the stop token last, and ends where the context is full', async () => {
    const all = await ids({ maxTokens: 100, stopTokens: [] });
    expect(all.length).toBe(63);
    const stop = all[4] as number;
    expect(await ids({ maxTokens: 100, stopTokens: [stop] })).toEqual(all.slice(0, all.indexOf(stop) + 1));
  });

  it('begins a text with BOS and takes ids as they are', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const withBos = [...model.tokenizer.encode('then', { bos: true })];
      expect(await ids({ maxTokens: 5 }, 'then')).toEqual(await ids({ maxTokens: 5 }, withBos));
    });
  });

  it('stops with quant.cancelled in the middle', async () => {
    const cancel = new AbortController();
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const seen: number[] = [];
      const error = await errorOf(async () => {
        for await (const { token } of generate(model, [1], { maxTokens: 50, stopTokens: [], signal: cancel.signal })) {
          if (seen.push(token) === 3) cancel.abort();
        }
      });
      expect([error.code, seen.length]).toEqual(['quant.cancelled', 3]);
    });
  });
});
