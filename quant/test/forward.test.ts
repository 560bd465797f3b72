// The pass against a second implementation: plain f64 loops, written from the definition of a Llama, sharing no code.
import { describe, expect, it } from 'vitest';
import { safetensorsChunks } from '../src/files/safetensors-writer.js';
import { forward, KvCache, type LlamaModel, openModel } from '../src/index.js';
import { weightCache } from '../src/model/weights.js';
import { errorOf, randomTensors, smallConfig, withFolder, writeModel } from './random-model.js';

type Rows = number[][];

/** Logits of every token, in f64. */
function naive(model: LlamaModel, tokens: readonly number[]): Rows {
  const { heads, kvHeads, headDim, layers, normEpsilon, ropeTheta, tiedHead, hidden } = model.config;
  const matrix = (name: string): Rows => {
    const { bytes, shape } = model.tensor(name);
    const values = new Float32Array(Uint8Array.from(bytes).buffer);
    const width = shape.at(-1) as number;
    return Array.from({ length: values.length / width }, (_, r) => [...values.subarray(r * width, (r + 1) * width)]);
  };
  const times = (x: number[], w: Rows): number[] =>
    w.map((row) => row.reduce((sum, v, i) => sum + v * (x[i] as number), 0));
  const norm = (x: number[], name: string): number[] => {
    const w = matrix(name)[0] as number[];
    const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / hidden + normEpsilon);
    return x.map((v, i) => v * scale * (w[i] as number));
  };
  const rotate = (x: number[], position: number): number[] =>
    x.map((v, i) => {
      const pair = i % (headDim / 2);
      const angle = position * ropeTheta ** ((-2 * pair) / headDim);
      const other = i < headDim / 2 ? -(x[i + headDim / 2] as number) : (x[i - headDim / 2] as number);
      return v * Math.cos(angle) + other * Math.sin(angle);
    });
  const split = (x: number[], count: number): Rows =>
    Array.from({ length: count }, (_, h) => x.slice(h * headDim, (h + 1) * headDim));
  const embedding = matrix('model.embed_tokens.weight');
  let stream = tokens.map((id) => [...(embedding[id] as number[])]);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}.`;
    const w = (name: string): Rows => matrix(`${at}${name}.weight`);
    const normed = stream.map((x) => norm(x, `${at}input_layernorm.weight`));
    const q = normed.map((x, t) => split(times(x, w('self_attn.q_proj')), heads).map((head) => rotate(head, t)));
    const k = normed.map((x, t) => split(times(x, w('self_attn.k_proj')), kvHeads).map((head) => rotate(head, t)));
    const v = normed.map((x) => split(times(x, w('self_attn.v_proj')), kvHeads));
    stream = stream.map((x, t) => {
      const mixed = Array.from({ length: heads }, (_, head) => {
        const kv = Math.floor(head / (heads / kvHeads));
        const query = q[t]?.[head] as number[];
        const scores = Array.from({ length: t + 1 }, (_, s) => {
          const key = k[s]?.[kv] as number[];
          return Math.exp(query.reduce((sum, a, i) => sum + a * (key[i] as number), 0) / Math.sqrt(headDim));
        });
        const total = scores.reduce((sum, e) => sum + e, 0);
        return query.map((_, i) => scores.reduce((sum, e, s) => sum + (e / total) * (v[s]?.[kv]?.[i] as number), 0));
      });
      const o = times(mixed.flat(), w('self_attn.o_proj'));
      return x.map((value, i) => value + (o[i] as number));
    });
    stream = stream.map((x) => {
      const h = norm(x, `${at}post_attention_layernorm.weight`);
      const up = times(h, w('mlp.up_proj'));
      const gated = times(h, w('mlp.gate_proj')).map((g, i) => (g / (1 + Math.exp(-g))) * (up[i] as number));
      const down = times(gated, w('mlp.down_proj'));
      return x.map((value, i) => value + (down[i] as number));
    });
  }
  const head = tiedHead ? embedding : matrix('lm_head.weight');
  return stream.map((x) => times(norm(x, 'model.norm.weight'), head));
}

const tokens = [1, 65, 200, 7, 7, 299, 0, 130];

function largestDifference(actual: Float32Array, expected: Rows): number {
  return Math.max(...expected.flat().map((value, i) => Math.abs(value - (actual[i] as number))));
}

describe('the float pass', () => {
  it.each([
    ['grouped-query attention', smallConfig],
    ['a tied head', { ...smallConfig, tiedHead: true }],
    [
      'one key head per query head and heads wider than the stream',
      { ...smallConfig, kvHeads: 4, headDim: 12, layers: 1 },
    ],
    ['another RoPE base', { ...smallConfig, ropeTheta: 500_000 }],
  ])('agrees with the plain f64 loops: %s', async (_, config) => {
    await withFolder(async (folder) => {
      await writeModel(folder, { config });
      using model = await openModel(folder);
      const expected = naive(model, tokens);
      const actual = await forward(model, tokens);
      expect(actual.length).toBe(tokens.length * config.vocab);
      expect(Math.max(...expected.flat().map(Math.abs))).toBeGreaterThan(1);
      expect(largestDifference(actual, expected)).toBeLessThan(2e-5);
    });
  });

  it('gives the same logits token by token from the cache as all at once', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const whole = await forward(model, tokens);
      const cache = new KvCache(model.config);
      await forward(model, tokens.slice(0, 3), { cache });
      const rows: number[] = [];
      for (const token of tokens.slice(3)) rows.push(...(await forward(model, [token], { cache, logits: 'last' })));
      expect(Float32Array.from(rows)).toEqual(whole.slice(3 * 300));
      cache.rewind(5);
      expect(await forward(model, [tokens[5] as number], { cache })).toEqual(whole.slice(5 * 300, 6 * 300));
    });
  });

  it('gives the same logits for a model too large to keep its converted weights', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder, { files: { 'model.safetensors': Buffer.concat(coarseTensors('BF16')) } });
      const run = async (): Promise<Float32Array[]> => {
        using model = await openModel(folder);
        return [await forward(model, tokens), await forward(model, tokens, { activations: 'int8' })];
      };
      const kept = await run();
      const { limitBytes } = weightCache;
      weightCache.limitBytes = 0;
      try {
        expect(await run()).toEqual(kept);
      } finally {
        weightCache.limitBytes = limitBytes;
      }
    });
  });

  it('shows its operators to the hook in the order and under the names of the board', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder, { config: { ...smallConfig, layers: 1 } });
      using model = await openModel(folder);
      const seen: string[] = [];
      await forward(model, tokens, {
        activations: 'int8',
        hooks: (operator, { data, shape, dtype, scales }) => {
          expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
          expect([operator, dtype, scales?.length]).toEqual(
            operator.endsWith('_quantize') ? [operator, 'i8', 8] : [operator, 'f32', undefined],
          );
          seen.push(`${operator} ${shape}`);
        },
      });
      expect(seen).toEqual([
        'embed_tokens 8,32',
        'layers.0.input_layernorm 8,32',
        'layers.0.self_attn.qkv_quantize 8,32',
        'layers.0.self_attn.q_proj 8,32',
        'layers.0.self_attn.k_proj 8,16',
        'layers.0.self_attn.v_proj 8,16',
        'layers.0.self_attn.rope 8,6,8',
        'layers.0.self_attn.attention 8,4,8',
        'layers.0.self_attn.o_quantize 8,32',
        'layers.0.self_attn.o_proj 8,32',
        'layers.0.attn_residual 8,32',
        'layers.0.post_attention_layernorm 8,32',
        'layers.0.mlp.gate_up_quantize 8,32',
        'layers.0.mlp.gate_proj 8,48',
        'layers.0.mlp.up_proj 8,48',
        'layers.0.mlp.silu_mul 8,48',
        'layers.0.mlp.down_quantize 8,48',
        'layers.0.mlp.down_proj 8,32',
        'layers.0.mlp_residual 8,32',
        'norm 8,32',
        'lm_head_quantize 8,32',
        'lm_head 8,300',
      ]);
    });
  });

  it('reads F16 and BF16 weights at odd addresses as their exact values', async () => {
    await withFolder(async (folder) => {
      // Values with three significant bits are exact in every float format, so all three models are the same.
      const logits: Float32Array[] = [];
      for (const dtype of ['F32', 'F16', 'BF16'] as const) {
        await writeModel(folder, { files: { 'model.safetensors': Buffer.concat(coarseTensors(dtype)) } });
        using model = await openModel(folder);
        logits.push(await forward(model, tokens));
      }
      expect(logits[1]).toEqual(logits[0]);
      expect(logits[2]).toEqual(logits[0]);
      expect(logits[0]?.some((x) => x !== 0)).toBe(true);
    });
  });
});

describe('a pass is refused', () => {
  it.each([
    ['without tokens', [], 'no tokens'],
    ['for a token outside the vocabulary', [1, 300], 'token 300 at 1; the vocabulary has 300'],
    ['for a token that is no integer', [1.5], 'token 1.5 at 0; the vocabulary has 300'],
    ['beyond the context', new Array<number>(65).fill(1), '65 tokens exceed the context of 64'],
  ])('%s', async (_, ids, message) => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      using model = await openModel(folder);
      const error = await errorOf(() => forward(model, ids));
      expect([error.code, error.message]).toEqual(['model.bad-tokens', message]);
    });
  });

  it('on a closed model, and leaves the cache as it was when cancelled', async () => {
    await withFolder(async (folder) => {
      await writeModel(folder);
      const model = await openModel(folder);
      const cache = new KvCache(model.config);
      const cancel = new AbortController();
      const hooks = (operator: string): void => {
        if (operator === 'layers.1.mlp.silu_mul') cancel.abort();
      };
      expect((await errorOf(() => forward(model, tokens, { cache, hooks, signal: cancel.signal }))).code).toBe(
        'quant.cancelled',
      );
      expect(cache.length).toBe(0);
      model.close();
      model.close();
      expect((await errorOf(() => forward(model, tokens))).code).toBe('model.closed');
    });
  });
});

/** The random model with its values cut to three significant bits, as a file whose header length is odd. */
function coarseTensors(dtype: 'F32' | 'F16' | 'BF16'): Uint8Array[] {
  const tensors = randomTensors(smallConfig, 1).map((tensor) => {
    const values = new Float32Array(tensor.bytes.slice().buffer).map((x) => {
      const step = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(x), 2 ** -10))) - 2);
      return Math.round(x / step) * step;
    });
    if (dtype === 'F32') return { ...tensor, bytes: new Uint8Array(values.buffer) };
    return { ...tensor, dtype, bytes: new Uint8Array(Uint16Array.from(values, dtype === 'BF16' ? bf16 : f16).buffer) };
  });
  const [header, ...data] = safetensorsChunks(tensors) as [Uint8Array, ...Uint8Array[]];
  const odd = new Uint8Array(header.length + 1);
  odd.set(header);
  odd[header.length] = 0x20;
  new DataView(odd.buffer).setBigUint64(0, BigInt(odd.length - 8), true);
  return [odd, ...data];
}

function bf16(x: number): number {
  return (new Uint32Array(Float32Array.of(x).buffer)[0] as number) >>> 16;
}

function f16(x: number): number {
  const sign = x < 0 ? 0x8000 : 0;
  const magnitude = Math.abs(x);
  if (magnitude === 0) return sign;
  const exponent = Math.floor(Math.log2(magnitude));
  if (exponent < -14) return sign | Math.round(magnitude * 2 ** 24);
  return sign | ((exponent + 15) << 10) | Math.round((magnitude / 2 ** exponent - 1) * 1024);
}
