import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createCheckpoint,
  evaluate,
  forward,
  type LlamaModel,
  openModel,
  QUANT_ERRORS,
  type QuantizeSettings,
  quantize,
  save,
} from '../src/index.js';
import { errorOf, random, smallConfig, withFolder, writeModel } from './random-model.js';

const calibration = Int32Array.from(
  { length: 400 },
  (
    (next) => () =>
      Math.floor((next() + 1) * 150)
  )(random(21)),
);
const tokens = [1, 65, 200, 7, 7, 299, 0, 130];
const gptq4: QuantizeSettings = { method: 'gptq', bits: 4, calibration, windowTokens: 32 };

async function withModel<T>(use: (model: LlamaModel, folder: string) => Promise<T>, config = smallConfig): Promise<T> {
  return withFolder(async (folder) => {
    await writeModel(folder, { config });
    using model = await openModel(folder);
    return await use(model, folder);
  });
}

const settingsErrors: [what: string, settings: object, code: keyof typeof QUANT_ERRORS, message: string][] = [
  ['an unknown method', { method: 'awq' }, 'quant.bad-settings', 'method is "awq"; it must be "rtn" or "gptq"'],
  ['nine bits', { method: 'rtn', bits: 9 }, 'quant.bad-settings', 'bits is 9; it must be an integer from 2 to 8'],
  [
    'a group that does not divide',
    { method: 'rtn', groupSize: 12 },
    'quant.bad-settings',
    'groupSize 12 does not divide the 32 inputs of layers.0.self_attn.q_proj',
  ],
  [
    'a group of zero',
    { method: 'rtn', groupSize: 0 },
    'quant.bad-settings',
    'groupSize is 0; it must be -1 or positive',
  ],
  [
    'no damping',
    { ...gptq4, dampFraction: 0 },
    'quant.bad-settings',
    'dampFraction is 0; it must be over 0 and at most 1',
  ],
  [
    'a block of half a column',
    { ...gptq4, blockSize: 0.5 },
    'quant.bad-settings',
    'blockSize is 0.5; it must be a positive integer',
  ],
  ['no windows', { ...gptq4, maxWindows: 0 }, 'quant.bad-settings', 'maxWindows is 0; it must be a positive integer'],
  [
    'a window beyond the context',
    { ...gptq4, windowTokens: 65 },
    'quant.bad-settings',
    'windowTokens is 65; it must be an integer from 2 to 64',
  ],
  [
    'a linear that is not there',
    { method: 'rtn', skip: ['up'] },
    'quant.bad-settings',
    'skip names "up", which is no linear of this model',
  ],
  ['gptq without calibration', { method: 'gptq' }, 'quant.bad-settings', 'gptq needs a calibration text'],
  [
    'a calibration below one window',
    { ...gptq4, calibration: calibration.slice(0, 31) },
    'quant.calibration-short',
    '31 tokens of calibration; one window takes 32',
  ],
  [
    'a calibration token of another vocabulary',
    { ...gptq4, calibration: Int32Array.of(300) },
    'model.bad-tokens',
    'token 300; the vocabulary has 300',
  ],
];

describe('settings', () => {
  it.each(settingsErrors)('are refused with %s', async (_, settings, code, message) => {
    await withModel(async (model) => {
      const error = await errorOf(() => quantize(model, settings as QuantizeSettings));
      expect([error.code, error.message, error.remedy]).toEqual([code, message, QUANT_ERRORS[code]]);
    });
  });

  it('are kept with their defaults, and the calibration with its digest', async () => {
    await withModel(async (model) => {
      const q = await quantize(model, { method: 'gptq', calibration });
      expect(q.settings).toEqual({
        ...{ method: 'gptq', bits: 8, groupSize: -1, windowTokens: 64, maxWindows: 32 },
        ...{ dampFraction: 0.01, actOrder: true, blockSize: 128, skip: [] },
      });
      expect(q.calibrationTokens).toBe(384);
      expect(q.calibrationDigest).toMatch(/^[0-9a-f]{64}$/);
      const rtn = await quantize(model, { method: 'rtn' });
      expect([rtn.calibrationTokens, rtn.calibrationDigest]).toEqual([0, null]);
    });
  });
});

describe('a quantized model', () => {
  it.each(['rtn', 'gptq'] as const)(
    'has every linear in integers, lm_head at 8 bits, and the rest as it was: %s',
    async (method) => {
      await withModel(async (model) => {
        const q = await quantize(model, { ...gptq4, method });
        const names = ['q_proj', 'k_proj', 'v_proj', 'o_proj']
          .map((name) => `self_attn.${name}`)
          .concat(['gate_proj', 'up_proj', 'down_proj'].map((name) => `mlp.${name}`));
        const expected = [0, 1].flatMap((layer) => names.map((name) => `layers.${layer}.${name}`)).concat('lm_head');
        expect(q.quantizedOperators).toEqual(expected);
        expect(q.stats.map(({ operator }) => operator)).toEqual(expected);
        expect(q.stats.map(({ bits }) => bits)).toEqual([...new Array<number>(14).fill(4), 8]);
        expect(q.stats.map((row) => row.method)).toEqual([...new Array<string>(14).fill(method), 'rtn']);
        expect(q.quantizedLinear('lm_head')?.bits).toBe(8);
        expect(q.tensor('model.embed_tokens.weight')).toEqual(model.tensor('model.embed_tokens.weight'));
        expect((await errorOf(() => q.tensor('model.layers.0.mlp.up_proj.weight'))).code).toBe('model.missing-tensor');
        // 13 312 weights of 4 bits per layer with 304 scales, lm_head 300 × 32 bytes with 300 scales, embedding and norms f32
        const layer = (32 * (32 + 16 + 16 + 32) + 3 * 32 * 48) / 2 + 4 * (32 + 16 + 16 + 32 + 48 + 48 + 32);
        expect(q.sizeBytes).toBe(2 * layer + 300 * 32 + 4 * 300 + 4 * (300 * 32 + 5 * 32));
      });
    },
  );

  it('loses less of the calibration outputs with gptq than with rtn at 4 bits, in every layer', async () => {
    await withModel(async (model) => {
      const gptq = await quantize(model, gptq4);
      for (const { operator, method, outputError, weightError } of gptq.stats) {
        if (operator === 'lm_head') expect(outputError).toBeNull();
        else expect([operator, method, (outputError ?? 1) < weightError]).toEqual([operator, 'gptq', true]);
      }
    });
  });

  it('leaves float what skip names, by name or by ending', async () => {
    await withModel(async (model) => {
      const q = await quantize(model, { method: 'rtn', skip: ['down_proj', 'layers.1.self_attn.q_proj', 'lm_head'] });
      expect(q.quantizedOperators.length).toBe(15 - 4);
      expect(q.quantizedOperators.some((name) => name.endsWith('down_proj') || name === 'lm_head')).toBe(false);
    });
  });

  it('cannot be quantized again', async () => {
    await withModel(async (model) => {
      const q = await quantize(model, { method: 'rtn' });
      const error = await errorOf(() => quantize(q, { method: 'rtn' }));
      expect([error.code, error.message]).toEqual(['quant.already-quantized', `${q.name} has 15 quantized linears`]);
    });
  });

  it('is the same for the same calibration, run for run', async () => {
    await withModel(async (model) => {
      const [one, two] = [await quantize(model, { ...gptq4, bits: 8 }), await quantize(model, { ...gptq4, bits: 8 })];
      expect(await one.digest()).toBe(await two.digest());
      const other = await quantize(model, { ...gptq4, bits: 8, calibration: calibration.slice(32) });
      expect(await other.digest()).not.toBe(await one.digest());
    });
  });
});

describe('saving', () => {
  it.each([
    ['untied', smallConfig],
    ['tied', { ...smallConfig, tiedHead: true }],
  ])('gives a folder that opens to the same logits, integers and digest (%s head)', async (_, config) => {
    await withModel(async (model) => {
      const q = await quantize(model, { ...gptq4, bits: 8 });
      await withFolder(async (folder) => {
        const seen: number[] = [];
        const saved = await save(q, folder, { onProgress: (done, total) => seen.push(done / total) });
        expect(seen.at(-1)).toBe(1);
        using again = await openModel(folder);
        expect(saved.digest).toBe(await again.digest());
        expect(saved.digest).toBe(await q.digest());
        expect(again.quantizedOperators).toEqual(q.quantizedOperators);
        expect(again.sizeBytes).toBe(q.sizeBytes);
        for (const activations of ['float', 'int8'] as const) {
          expect(await forward(again, tokens, { activations })).toEqual(await forward(q, tokens, { activations }));
        }
        const json = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
        expect(json.tie_word_embeddings).toBe(false);
        expect(json.quantization_config).toMatchObject({
          format: 'int-quantized',
          ignore: [],
          quant_method: 'compressed-tensors',
        });
        expect(json.npulab).toEqual({ settings: q.settings, calibrationDigest: q.calibrationDigest });
      });
    }, config);
  });

  it('keeps a head tied that was skipped, and names what stayed float', async () => {
    await withModel(
      async (model) => {
        const q = await quantize(model, { method: 'rtn', skip: ['lm_head', 'o_proj'] });
        await withFolder(async (folder) => {
          await save(q, folder);
          using again = await openModel(folder);
          expect(again.config.tiedHead).toBe(true);
          expect(await forward(again, tokens)).toEqual(await forward(q, tokens));
          const json = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as {
            quantization_config: { ignore: string[] };
          };
          expect(json.quantization_config.ignore).toEqual([
            'model.layers.0.self_attn.o_proj',
            'model.layers.1.self_attn.o_proj',
            'lm_head',
          ]);
        });
      },
      { ...smallConfig, tiedHead: true },
    );
  });

  it.each([
    [4, -1, 'layers.0.self_attn.q_proj has 4-bit weights per channel; only 8 bits per channel can be saved'],
    [8, 16, 'layers.0.self_attn.q_proj has 8-bit weights in groups of 16; only 8 bits per channel can be saved'],
  ])('is refused for %i bits and groups of %i', async (bits, groupSize, message) => {
    await withModel(async (model) => {
      const q = await quantize(model, { method: 'rtn', bits, groupSize });
      const error = await errorOf(() => save(q, '/nonexistent'));
      expect([error.code, error.message, error.remedy]).toEqual([
        'quant.save-bits',
        message,
        QUANT_ERRORS['quant.save-bits'],
      ]);
      expect((await errorOf(() => forward(q, tokens, { activations: 'int8' }))).code).toBe('quant.not-int8');
    });
  });

  it('never overwrites the float model it came from', async () => {
    await withModel(async (model, folder) => {
      const error = await errorOf(async () => save(await quantize(model, { method: 'rtn' }), folder));
      expect(error.code).toBe('quant.save-onto-source');
    });
  });

  it('leaves the old files when cancelled', async () => {
    await withModel(async (model) => {
      const q = await quantize(model, { method: 'rtn' });
      await withFolder(async (folder) => {
        const first = await save(model, folder);
        const cancel = new AbortController();
        const onProgress = (): void => cancel.abort();
        expect((await errorOf(() => save(q, folder, { signal: cancel.signal, onProgress }))).code).toBe(
          'quant.cancelled',
        );
        using again = await openModel(folder);
        expect(await again.digest()).toBe(first.digest);
      });
    });
  });
});

describe('a long run', () => {
  it('reports every linear once, in order, up to the total', async () => {
    await withModel(async (model) => {
      const steps: string[] = [];
      await quantize(model, gptq4, {
        onProgress: ({ phase, layer, operator, done, total }) =>
          steps.push(`${phase} ${layer} ${operator} ${done}/${total}`),
      });
      expect(steps[0]).toBe('tokenize -1  0/15');
      expect(steps.at(-1)).toBe('done -1  15/15');
      expect(steps.filter((step) => step.startsWith('quantize')).map((step) => step.split(' ').at(-1))).toEqual(
        Array.from({ length: 15 }, (_, i) => `${i}/15`),
      );
    });
  });

  it('cancelled in the second layer goes on from its checkpoint to the same result', async () => {
    await withModel(async (model) => {
      const settings: QuantizeSettings = { ...gptq4, bits: 8 };
      const whole = await quantize(model, settings);
      const checkpoint = createCheckpoint();
      const cancel = new AbortController();
      const error = await errorOf(() =>
        quantize(model, settings, {
          checkpoint,
          signal: cancel.signal,
          onProgress: ({ operator }) => {
            if (operator === 'layers.1.mlp.gate_proj') cancel.abort('interrupt');
          },
        }),
      );
      expect([error.code, error.remedy]).toEqual(['quant.cancelled', QUANT_ERRORS['quant.cancelled']]);
      expect(checkpoint.layersDone).toBe(1);
      const starts: number[] = [];
      const resumed = await quantize(model, settings, { checkpoint, onProgress: ({ layer }) => starts.push(layer) });
      expect(starts.includes(0)).toBe(false);
      expect(await resumed.digest()).toBe(await whole.digest());
      expect(resumed.stats).toEqual(whole.stats);
      const other = await errorOf(() => quantize(model, { ...settings, bits: 4 }, { checkpoint }));
      expect(other.code).toBe('quant.checkpoint-differs');
    });
  });

  it('does nothing when cancelled before it starts', async () => {
    await withModel(async (model) => {
      const signal = AbortSignal.abort();
      expect((await errorOf(() => quantize(model, gptq4, { signal }))).code).toBe('quant.cancelled');
      expect((await errorOf(() => evaluate(model, calibration, { signal }))).code).toBe('quant.cancelled');
    });
  });
});
