import { describe, expect, it } from 'vitest';
import { evaluate, forward, layerErrors, openModel, quantize } from '../src/index.js';
import { Similarity } from '../src/metrics/similarity.js';
import { cutWindows, textTokens } from '../src/model/windows.js';
import { errorOf, randomFloats, smallConfig, withFolder, writeModel } from './random-model.js';

const text = Int32Array.from(randomFloats(5, 150), (x) => Math.floor((x + 1) * 150));

describe('windows', () => {
  it('begin with BOS, do not overlap and predict every token of the text once', () => {
    const windows = cutWindows(Int32Array.of(10, 11, 12, 13, 14), 1, 3);
    expect(windows.map(({ inputs, targets }) => [[...inputs], [...targets]])).toEqual([
      [
        [1, 10, 11],
        [10, 11, 12],
      ],
      [
        [1, 13],
        [13, 14],
      ],
    ]);
  });
});

describe('documents', () => {
  it('end with EOS, and the next begins with BOS; the first BOS is the window\u2019s', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const ids = (text: string): number[] => [...model.tokenizer.encode(text)];
      expect([...(await textTokens(model, ['the', 'an']))]).toEqual([...ids('the'), 2, 1, ...ids('an'), 2]);
      expect((await evaluate(model, ['the', 'an'])).tokens).toBe(ids('the').length + ids('an').length + 3);
    });
  });
});

describe('evaluation', () => {
  it('is exp of the mean negative log-likelihood of the logits, token by token', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      let nll = 0;
      for (const { inputs, targets } of cutWindows(text, 1, 64)) {
        const logits = await forward(model, inputs);
        for (const [row, target] of targets.entries()) {
          const x = [...logits.subarray(row * 300, (row + 1) * 300)];
          nll += Math.log(x.reduce((sum, v) => sum + Math.exp(v), 0)) - (x[target] as number);
        }
      }
      const progress: number[][] = [];
      const result = await evaluate(model, text, { onProgress: (done, total) => progress.push([done, total]) });
      expect(result.tokens).toBe(150);
      expect(result.perplexity).toBeCloseTo(Math.exp(nll / 150), 3);
      expect([result.windowTokens, result.activations, result.klToReference, result.top1Agreement]).toEqual([
        64,
        'float',
        null,
        null,
      ]);
      expect(progress).toEqual([
        [1, 3],
        [2, 3],
        [3, 3],
      ]);
    });
  });

  it('finds no difference between a model and itself, and more at 3 bits than at 8', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const same = await evaluate(model, text, { reference: model });
      expect([same.klToReference, same.klMax, same.top1Agreement]).toEqual([0, 0, 1]);
      const kl = [];
      for (const bits of [8, 5, 3]) {
        const result = await evaluate(await quantize(model, { method: 'rtn', bits }), text, { reference: model });
        kl.push(result.klToReference as number);
        expect(result.klMax).toBeGreaterThan(result.klToReference as number);
      }
      expect(kl[0]).toBeGreaterThan(0);
      expect(kl[1]).toBeGreaterThan(10 * (kl[0] as number));
      expect(kl[2]).toBeGreaterThan(4 * (kl[1] as number));
    });
  });

  it.each([
    ['an empty text', '', {}, 'quant.text-short', 'the text has no tokens'],
    [
      'a window of one token',
      text,
      { windowTokens: 1 },
      'quant.bad-settings',
      'windowTokens is 1; it must be an integer from 2 to 64',
    ],
    ['a foreign token', Int32Array.of(-1), {}, 'model.bad-tokens', 'token -1; the vocabulary has 300'],
  ])('is refused for %s', async (_, given, options, code, message) => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const error = await errorOf(() => evaluate(model, given, options));
      expect([error.code, error.message]).toEqual([code, message]);
    });
  });

  it('is refused for a reference of another shape', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      await withFolder(async (other) => {
        await writeModel(other, { config: { ...smallConfig, layers: 1 } });
        using reference = await openModel(other);
        const error = await errorOf(() => evaluate(model, text, { reference }));
        expect(error.code).toBe('quant.models-differ');
        expect(error.message).toBe(`${model.name} has layers 2, ${reference.name} has 1`);
      });
    });
  });
});

describe('layer errors', () => {
  it('are nothing between a model and itself', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const rows = await layerErrors(model, model, text);
      expect(rows.length).toBe(1 + 2 * 14 + 2);
      for (const row of rows) {
        expect([row.operator, row.entireCosine, row.entireRelativeL2]).toEqual([row.operator, 1, 0]);
        expect(row.singleRelativeL2).toBe(/proj|lm_head/.test(row.operator) ? 0 : null);
      }
    });
  });

  it('show where one quantized linear begins to matter, alone and in the whole', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const all = (await layerErrors(model, model, text)).map(({ operator }) => operator);
      const skip = all.filter((name) => /_proj|lm_head/.test(name) && name !== 'layers.1.mlp.up_proj');
      const rows = await layerErrors(model, await quantize(model, { method: 'rtn', bits: 3, skip }), text);
      const begin = all.indexOf('layers.1.mlp.up_proj');
      expect(rows.slice(0, begin).every((row) => row.entireRelativeL2 === 0)).toBe(true);
      const [up, ...behind] = rows.slice(begin);
      expect(up?.singleRelativeL2).toBeGreaterThan(0.05);
      expect(up?.singleRelativeL2).toBe(up?.entireRelativeL2);
      expect(behind.every((row) => row.entireRelativeL2 > 0 && (row.singleRelativeL2 ?? 0) === 0)).toBe(true);
    });
  });

  it('include the rounding of activations in the arithmetic of the board', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const q = await quantize(model, { method: 'rtn' });
      const float = await layerErrors(model, q, text);
      const int8 = await layerErrors(model, q, text, { activations: 'int8' });
      expect(int8.map(({ operator }) => operator)).toEqual(float.map(({ operator }) => operator));
      for (const [i, row] of int8.entries()) {
        if (row.singleRelativeL2 !== null)
          expect(row.singleRelativeL2).toBeGreaterThan(float[i]?.singleRelativeL2 as number);
        expect(row.entireCosine).toBeGreaterThan(0.99);
      }
    });
  });
});

describe('similarity', () => {
  it('is cosine and relative L2 over everything added', async () => {
    const similarity = new Similarity();
    await similarity.add(Float32Array.of(3), Float32Array.of(0));
    await similarity.add(Float32Array.of(4), Float32Array.of(4));
    expect(similarity.cosine).toBeCloseTo(0.8, 12);
    expect(similarity.relativeL2).toBeCloseTo(0.6, 12);
  });

  it('of zeros is equality', async () => {
    const similarity = new Similarity();
    await similarity.add(new Float32Array(2), new Float32Array(2));
    expect([similarity.cosine, similarity.relativeL2]).toEqual([1, 0]);
    await similarity.add(new Float32Array(1), Float32Array.of(1));
    expect([similarity.cosine, similarity.relativeL2]).toEqual([0, Number.POSITIVE_INFINITY]);
  });
});
