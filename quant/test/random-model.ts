// A seeded random model in a temporary folder, written with this package's own writer, read by everything under test.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { safetensorsChunks, type TensorToWrite } from '../src/files/safetensors-writer.js';
import { configToJson, type LlamaConfig } from '../src/model/config.js';
import { linearsOf, weightName } from '../src/model/operators.js';
import { PIECE, type Piece, type Vocabulary, writeSentencePiece } from '../src/tokenizer/vocabulary.js';

/** Uniform numbers in [-1, 1), the same for a seed on every machine (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/** Seeded f32 values in [-scale, scale). */
export function randomFloats(seed: number, count: number, scale = 1): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: count }, () => next() * scale);
}

export const smallConfig: LlamaConfig = {
  ...{ hidden: 32, intermediate: 48, layers: 2, heads: 4, kvHeads: 2, headDim: 8, vocab: 300, context: 64 },
  ...{ normEpsilon: 1e-5, ropeTheta: 10000, tiedHead: false, bosToken: 1, eosTokens: [2] },
};

/** 300 pieces: <unk>, <s>, </s>, 256 bytes, a few letters and merges. */
export function smallVocabulary(): Vocabulary {
  const pieces: Piece[] = ['<unk>', '<s>', '</s>'].map((text, id) => ({
    text,
    score: 0,
    type: id === 0 ? PIECE.unknown : PIECE.control,
  }));
  for (let byte = 0; byte < 256; byte++) {
    pieces.push({ text: `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, score: 0, type: PIECE.byte });
  }
  const merges = ['he', '▁t', '▁the', 'in', 'an', '▁a', 'er', 'on', '▁an', 'the'];
  for (const text of [...merges, '▁', ...'etaoinshrdlucmfwygpbvkxqjz.,'])
    pieces.push({ text, score: -pieces.length, type: PIECE.normal });
  while (pieces.length < 300)
    pieces.push({ text: `filler${pieces.length}`, score: -pieces.length, type: PIECE.normal });
  return { pieces, dummyPrefix: true, byteFallback: true, unknownToken: 0, bosToken: 1, eosToken: 2 };
}

/** F32 tensors of a random model; norms near 1. */
export function randomTensors(config: LlamaConfig, seed: number): TensorToWrite[] {
  let part = seed * 1000;
  const tensor = (name: string, shape: number[], fill?: (x: number) => number): TensorToWrite => {
    const count = shape.reduce((product, n) => product * n, 1);
    const values = randomFloats(part++, count, 1.7 / Math.sqrt(shape.at(-1) ?? 1));
    const data = fill ? values.map(fill) : values;
    return { name, dtype: 'F32', shape, bytes: new Uint8Array(data.buffer) };
  };
  const norm = (name: string): TensorToWrite => tensor(name, [config.hidden], (x) => 1 + x);
  const tensors = [tensor('model.embed_tokens.weight', [config.vocab, config.hidden]), norm('model.norm.weight')];
  for (let layer = 0; layer < config.layers; layer++) {
    tensors.push(
      norm(`model.layers.${layer}.input_layernorm.weight`),
      norm(`model.layers.${layer}.post_attention_layernorm.weight`),
    );
  }
  for (const { operator, rows, width } of linearsOf(config)) {
    if (operator !== 'lm_head' || !config.tiedHead) tensors.push(tensor(weightName(operator), [rows, width]));
  }
  return tensors;
}

/** Writes a model folder; `files` replaces or adds files. */
export async function writeModel(
  folder: string,
  {
    config = smallConfig,
    seed = 1,
    files = {},
  }: { config?: LlamaConfig; seed?: number; files?: Record<string, Uint8Array | string> } = {},
): Promise<void> {
  const all: Record<string, Uint8Array | string> = {
    'config.json': JSON.stringify(configToJson(config)),
    'model.safetensors': Buffer.concat(safetensorsChunks(randomTensors(config, seed))),
    'tokenizer.model': writeSentencePiece(smallVocabulary()),
    ...files,
  };
  for (const [name, bytes] of Object.entries(all)) await writeFile(join(folder, name), bytes);
}

/** Runs with a temporary folder, removed afterwards. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'npulab-quant-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The error a call throws or rejects with. */
export async function errorOf(call: () => unknown): Promise<Error & { code?: string; remedy?: string }> {
  try {
    await call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('the call did not fail');
}
