// llama2.c pairs neighbours for RoPE, Hugging Face pairs halves. Both directions are tested, and what the order is for.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { halvesToPairs, pairsToHalves } from '../src/files/llama2c.js';
import { forward, openModel } from '../src/index.js';
import { errorOf, randomTensors, smallConfig, smallVocabulary, withFolder, writeModel } from './random-model.js';

const config = { ...smallConfig, tiedHead: true };

/** The random model as a llama2.c version 0 file. */
function checkpoint(reorder: typeof halvesToPairs = halvesToPairs): Uint8Array {
  const { hidden, intermediate, layers, heads, kvHeads, headDim, vocab, context } = config;
  const tensors = new Map(randomTensors(config, 1).map((tensor) => [tensor.name, tensor.bytes]));
  const stack = (suffix: string, change = (bytes: Uint8Array) => bytes): Uint8Array[] =>
    Array.from({ length: layers }, (_, layer) =>
      change(tensors.get(`model.layers.${layer}.${suffix}.weight`) as Uint8Array),
    );
  return Buffer.concat([
    new Uint8Array(Int32Array.of(hidden, intermediate, layers, heads, kvHeads, vocab, context).buffer),
    tensors.get('model.embed_tokens.weight') as Uint8Array,
    ...stack('input_layernorm'),
    ...stack('self_attn.q_proj', (bytes) => reorder(bytes, heads, headDim, 4 * hidden)),
    ...stack('self_attn.k_proj', (bytes) => reorder(bytes, kvHeads, headDim, 4 * hidden)),
    ...stack('self_attn.v_proj'),
    ...stack('self_attn.o_proj'),
    ...stack('post_attention_layernorm'),
    ...stack('mlp.gate_proj'),
    ...stack('mlp.down_proj'),
    ...stack('mlp.up_proj'),
    tensors.get('model.norm.weight') as Uint8Array,
    new Uint8Array(4 * context * headDim),
  ]);
}

/** The small vocabulary in llama2.c's format. */
function tokenizerBin(): Uint8Array {
  const chunks: Uint8Array[] = [Buffer.from(Int32Array.of(8).buffer)];
  for (const [id, { text, score }] of smallVocabulary().pieces.entries()) {
    const bytes = Buffer.from(id === 1 || id === 2 ? `\n${text}\n` : text.replaceAll('▁', ' '));
    chunks.push(
      new Uint8Array(Float32Array.of(score).buffer),
      new Uint8Array(Int32Array.of(bytes.length).buffer),
      bytes,
    );
  }
  return Buffer.concat(chunks);
}

const tokens = [1, 65, 200, 7, 7, 299];

async function withCheckpoint<T>(bytes: Uint8Array, use: (path: string, folder: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    await writeModel(folder, { config });
    await writeFile(join(folder, 'model.bin'), bytes);
    await writeFile(join(folder, 'tok300.bin'), tokenizerBin());
    return use(join(folder, 'model.bin'), folder);
  });
}

describe('a llama2.c checkpoint', () => {
  it('computes the logits of the same model in Hugging Face order', async () => {
    await withCheckpoint(checkpoint(), async (path, folder) => {
      using bin = await openModel(path);
      using hf = await openModel(folder);
      expect(bin.config).toEqual(hf.config);
      expect(await forward(bin, tokens)).toEqual(await forward(hf, tokens));
    });
  });

  it('computes something else where rows are left in their order: position 0 alone is blind to it', async () => {
    await withCheckpoint(
      checkpoint((bytes) => bytes),
      async (path, folder) => {
        using bin = await openModel(path);
        using hf = await openModel(folder);
        const [wrong, right] = [await forward(bin, tokens), await forward(hf, tokens)];
        const difference = (row: number): number =>
          Math.max(
            ...right.subarray(row * 300, (row + 1) * 300).map((x, i) => Math.abs(x - (wrong[row * 300 + i] as number))),
          );
        expect(difference(0)).toBeLessThan(1e-5);
        expect(difference(5)).toBeGreaterThan(1e-3);
      },
    );
  });

  it('has the tokenizer beside it, equal to the SentencePiece one', async () => {
    await withCheckpoint(checkpoint(), async (path, folder) => {
      using bin = await openModel(path);
      using hf = await openModel(folder);
      for (const text of ['the rain, then', 'é🦙', '<s>'])
        expect(bin.tokenizer.encode(text)).toEqual(hf.tokenizer.encode(text));
    });
  });

  it.each([
    ['a short header', () => checkpoint().subarray(0, 20), '20 bytes; the header takes 28'],
    ['a cut tensor', () => checkpoint().subarray(0, 50_000), '50000 bytes; at least'],
    [
      'bytes behind the last tensor',
      () => Buffer.concat([checkpoint(), new Uint8Array(4)]),
      '4 bytes after the last tensor',
    ],
    [
      'the header of another version',
      () => Uint8Array.from([0x32, 0x34, 0x6b, 0x61, ...checkpoint().subarray(4)]),
      'not a llama2.c version 0 header: 1634415666, 48, 2, 4, 2, 300, 64',
    ],
  ])('is refused with %s', async (_, bytes, message) => {
    await withCheckpoint(bytes(), async (path) => {
      const error = await errorOf(() => openModel(path));
      expect(error.code).toBe('model.damaged-llama2c');
      expect(error.message.startsWith(message)).toBe(true);
    });
  });

  it('is refused with a cut tokenizer, or none', async () => {
    await withCheckpoint(checkpoint(), async (path, folder) => {
      await writeFile(join(folder, 'cut.bin'), tokenizerBin().subarray(0, -1));
      expect((await errorOf(() => openModel(path, { tokenizer: join(folder, 'cut.bin') }))).code).toBe(
        'model.damaged-tokenizer',
      );
      expect((await errorOf(() => openModel(path, { tokenizer: join(folder, 'none.bin') }))).code).toBe(
        'model.not-a-model',
      );
    });
  });
});

describe('the order of rows', () => {
  it('goes from neighbours to halves and back, head by head', () => {
    const rows = Uint8Array.of(0, 1, 2, 3, 10, 11, 12, 13);
    expect([...pairsToHalves(rows, 2, 4, 1)]).toEqual([0, 2, 1, 3, 10, 12, 11, 13]);
    expect([...halvesToPairs(pairsToHalves(rows, 2, 4, 1), 2, 4, 1)]).toEqual([...rows]);
    expect([...halvesToPairs(Uint8Array.of(0, 1, 2, 3, 4, 5), 1, 6, 1)]).toEqual([0, 3, 1, 4, 2, 5]);
  });
});
