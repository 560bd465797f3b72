import { createHash } from 'node:crypto';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { safetensorsChunks, type TensorToWrite } from '../src/files/safetensors-writer.js';
import { manifestBytes, modelDigest, openModel, QUANT_ERRORS } from '../src/index.js';
import { configToJson, parseConfig } from '../src/model/config.js';
import { errorOf, randomTensors, smallConfig, withFolder, writeModel } from './random-model.js';

const config = (change: object): string => JSON.stringify({ ...configToJson(smallConfig), ...change });

function weights(change: (tensor: TensorToWrite) => TensorToWrite | undefined): Uint8Array {
  const tensors = randomTensors(smallConfig, 1).flatMap((tensor) => change(tensor) ?? []);
  return Buffer.concat(safetensorsChunks(tensors));
}

const up = 'model.layers.1.mlp.up_proj.weight';
const int8 = { num_bits: 8, type: 'int', symmetric: true, strategy: 'channel' };
const compressed = (weightsScheme: object): string =>
  config({
    quantization_config: {
      quant_method: 'compressed-tensors',
      format: 'int-quantized',
      config_groups: { g: { weights: weightsScheme } },
    },
  });

const refused: [
  what: string,
  files: Record<string, string | Uint8Array>,
  code: keyof typeof QUANT_ERRORS,
  message: string,
][] = [
  [
    'config.json that is no JSON',
    { 'config.json': '{' },
    'model.damaged-config',
    'FOLDER/config.json is not JSON in UTF-8',
  ],
  ['config.json that is a list', { 'config.json': '[]' }, 'model.damaged-config', 'config.json: not a JSON object'],
  [
    'no hidden size',
    { 'config.json': config({ hidden_size: undefined }) },
    'model.damaged-config',
    'config.json: hidden_size must be a positive integer, found nothing',
  ],
  [
    'half a layer',
    { 'config.json': config({ num_hidden_layers: 1.5 }) },
    'model.damaged-config',
    'config.json: num_hidden_layers must be a positive integer, found 1.5',
  ],
  [
    'heads that do not share keys evenly',
    { 'config.json': config({ num_key_value_heads: 3 }) },
    'model.damaged-config',
    'config.json: num_attention_heads 4 is not a multiple of num_key_value_heads 3',
  ],
  ['an odd head', { 'config.json': config({ head_dim: 7 }) }, 'model.damaged-config', 'config.json: head_dim 7 is odd'],
  [
    'a BOS outside the vocabulary',
    { 'config.json': config({ bos_token_id: 300 }) },
    'model.damaged-config',
    'config.json: bos_token_id holds 300, vocab_size is 300',
  ],
  [
    'an epsilon of zero',
    { 'config.json': config({ rms_norm_eps: 0 }) },
    'model.damaged-config',
    'config.json: rms_norm_eps must be a positive number, found 0',
  ],
  [
    'another architecture',
    { 'config.json': config({ model_type: 'qwen2' }) },
    'model.unsupported',
    'config.json: model_type is "qwen2"',
  ],
  [
    'biases',
    { 'config.json': config({ attention_bias: true }) },
    'model.unsupported',
    'config.json: attention_bias is true',
  ],
  [
    'RoPE scaling',
    { 'config.json': config({ rope_scaling: { type: 'linear' } }) },
    'model.unsupported',
    'config.json: rope_scaling is set',
  ],
  [
    'another activation',
    { 'config.json': config({ hidden_act: 'gelu' }) },
    'model.unsupported',
    'config.json: hidden_act is "gelu"',
  ],
  [
    'another quantization',
    { 'config.json': config({ quantization_config: { quant_method: 'gptq' } }) },
    'model.unsupported',
    'config.json: quantization_config: quant_method is "gptq", only "compressed-tensors" is known',
  ],
  [
    '4-bit weights',
    { 'config.json': compressed({ ...int8, num_bits: 4 }) },
    'model.unsupported',
    'config.json: quantization_config: weights.num_bits is 4, only 8 is known',
  ],
  [
    'weights in groups',
    { 'config.json': compressed({ ...int8, strategy: 'group' }) },
    'model.unsupported',
    'config.json: quantization_config: weights.strategy is "group", only "channel" is known',
  ],
  [
    'a damaged tokenizer',
    { 'tokenizer.model': Uint8Array.of(0x0a, 0x05) },
    'model.damaged-tokenizer',
    'tokenizer: a field of 5 bytes, 0 are left',
  ],
  [
    'a tokenizer larger than the vocabulary',
    { 'config.json': config({ vocab_size: 299 }) },
    'model.wrong-shape',
    'tokenizer.model has 300 pieces, config.json says 299',
  ],
  [
    'a missing tensor',
    { 'model.safetensors': weights((t) => (t.name === up ? undefined : t)) },
    'model.missing-tensor',
    `no tensor ${up}`,
  ],
  [
    'a tensor of another shape',
    { 'model.safetensors': weights((t) => (t.name === up ? { ...t, shape: [32, 48] } : t)) },
    'model.wrong-shape',
    `${up} is [32, 48], expected [48, 32]`,
  ],
  [
    'a weight of F64',
    {
      'model.safetensors': weights((t) =>
        t.name === up ? { ...t, dtype: 'F64', bytes: new Uint8Array(48 * 32 * 8) } : t,
      ),
    },
    'model.wrong-dtype',
    `${up} is F64, expected F32, F16, BF16`,
  ],
  [
    'int8 weights the configuration does not announce',
    {
      'model.safetensors': weights((t) => (t.name === up ? { ...t, dtype: 'I8', bytes: new Uint8Array(48 * 32) } : t)),
    },
    'model.wrong-dtype',
    `${up} is I8, expected F32, F16, BF16`,
  ],
  [
    'int8 weights without scales',
    {
      'config.json': compressed(int8),
      'model.safetensors': weights((t) => (t.name === up ? { ...t, dtype: 'I8', bytes: new Uint8Array(48 * 32) } : t)),
    },
    'model.missing-tensor',
    `no tensor ${up}_scale`,
  ],
  [
    'a cut file',
    { 'model.safetensors': weights((t) => t).subarray(0, 5000) },
    'model.damaged-safetensors',
    'model.safetensors: tensor "model.layers.1.self_attn.v_proj.weight"',
  ],
];

describe('a folder is refused', () => {
  it.each(refused)('for %s', async (_, files, code, message) => {
    await withFolder(async (folder) => {
      await writeModel(folder, { files });
      const error = await errorOf(() => openModel(folder));
      expect([error.code, error.remedy]).toEqual([code, QUANT_ERRORS[code]]);
      const expected = message.replace('FOLDER', folder);
      if (code === 'model.damaged-safetensors')
        expect(error.message).toMatch(/^model\.safetensors: tensor "[^"]+" lies at \d+ to \d+ of \d+ bytes$/);
      else expect(error.message).toBe(expected);
    });
  });

  it.each(['config.json', 'model.safetensors', 'tokenizer.model'])('without %s', async (missing) => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      await rm(join(folder, missing));
      expect((await errorOf(() => openModel(folder))).code).toBe('model.not-a-model');
    });
  });

  it('that is not there', async () => {
    const error = await errorOf(() => openModel('/nonexistent/model'));
    expect([error.code, error.message]).toEqual(['model.not-found', 'nothing at /nonexistent/model']);
  });

  it('with scales that are not numbers', async () => {
    await withFolder(async (folder) => {
      const scale = new Float32Array(48).fill(Number.NaN);
      const all = randomTensors(smallConfig, 1).map((t) =>
        t.name === up ? { ...t, dtype: 'I8', bytes: new Uint8Array(48 * 32) } : t,
      );
      all.push({ name: `${up}_scale`, dtype: 'F32', shape: [48, 1], bytes: new Uint8Array(scale.buffer) });
      await writeModel(folder, {
        files: { 'config.json': compressed(int8), 'model.safetensors': Buffer.concat(safetensorsChunks(all)) },
      });
      const error = await errorOf(() => openModel(folder));
      expect([error.code, error.message]).toEqual([
        'model.wrong-dtype',
        `${up}_scale holds a value that is negative or not finite`,
      ]);
    });
  });
});

describe('an open model', () => {
  it('says what it is in one line', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      expect(String(model)).toBe(`${model.name}: Llama, float, 2 layers, hidden 32, 4/2 heads, vocabulary 300, 0.1 MB`);
    });
  });

  it('has a digest of its files, whatever the folder is called, and another for every changed byte', async () => {
    await withFolder(async (one) => {
      await withFolder(async (two) => {
        await writeModel(one);
        await writeModel(two);
        using a = await openModel(one);
        using b = await openModel(two);
        expect(await a.digest()).toBe(await b.digest());
        await appendFile(join(two, 'config.json'), ' ');
        using c = await openModel(two);
        expect(await c.digest()).not.toBe(await a.digest());
      });
    });
  });

  it('has a manifest with sorted keys and the sha256 of its files', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      await writeFile(join(folder, 'config.json'), config({}));
      using model = await openModel(folder);
      const manifest = await model.manifest();
      const sha256 = createHash('sha256').update(config({})).digest('hex');
      expect(manifest.files['config.json']).toEqual({ sha256, sizeBytes: config({}).length });
      const text = new TextDecoder().decode(manifestBytes(manifest));
      expect(
        text.startsWith(
          `{"files":{"config.json":{"sha256":"${sha256}","sizeBytes":${config({}).length}},"model.safetensors":`,
        ),
      ).toBe(true);
      expect(text.endsWith(`"format":"npulab.model.v1","name":"${model.name}"}`)).toBe(true);
      expect(modelDigest({ ...manifest, name: 'other' })).toBe(await model.digest());
    });
  });

  it('keeps the shape of config.json through writing and reading', () => {
    expect(parseConfig(configToJson({ ...smallConfig, eosTokens: [2, 5] }))).toEqual({
      ...smallConfig,
      eosTokens: [2, 5],
    });
  });
});
