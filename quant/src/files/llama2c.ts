// Knows llama2.c's checkpoint, version 0: seven i32, then f32 tensors stacked over the layers.
// Refuses to know versions 1 and 2. Surprise: its RoPE pairs neighbours (2i, 2i+1), ours pairs halves (i, i + headDim/2), so the
// rows of q and k are put into another order here; without that a model talks fluent nonsense.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { QuantError } from '../errors.js';
import type { LlamaConfig } from '../model/config.js';
import { HeldModel } from '../model/llama-model.js';
import type { LlamaModel, StoredTensor } from '../model/model.js';
import { Tokenizer } from '../tokenizer/tokenizer.js';
import { parseLlama2cTokenizer } from '../tokenizer/vocabulary.js';
import { openMapped } from './mapped.js';
import { manifestOfFiles } from './model-files.js';

const HEADER_BYTES = 28;

/** Opens a llama2.c version 0 checkpoint. Errors: `model.damaged-llama2c`, `model.damaged-tokenizer`, `model.not-a-model`. */
export async function openLlama2c(path: string, tokenizerPath?: string): Promise<LlamaModel> {
  const mapped = openMapped(path);
  try {
    const bytes = new Uint8Array(mapped.buffer);
    const config = parseHeader(bytes);
    const tensors = tensorsOf(bytes, config);
    const tokenizer = await openTokenizer(path, tokenizerPath, config.vocab);
    const name = basename(path, '.bin');
    const release = (): void => mapped.close();
    return new HeldModel({
      name,
      folder: path,
      config,
      tokenizer,
      tensors,
      quantized: new Map(),
      manifest: manifestOfFiles,
      release,
    });
  } catch (error) {
    mapped.close();
    throw error;
  }
}

function parseHeader(bytes: Uint8Array): LlamaConfig {
  const fail = (message: string): QuantError => new QuantError('model.damaged-llama2c', message);
  if (bytes.length < HEADER_BYTES) throw fail(`${bytes.length} bytes; the header takes ${HEADER_BYTES}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const numbers = Array.from({ length: 7 }, (_, i) => view.getInt32(4 * i, true));
  const [hidden, intermediate, layers, heads, kvHeads, signedVocab, context] = numbers as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const vocab = Math.abs(signedVocab);
  const sane = [hidden, intermediate, layers, heads, kvHeads, vocab, context].every((n) => n >= 1 && n < 2 ** 24);
  if (!sane || hidden % heads !== 0 || heads % kvHeads !== 0 || (hidden / heads) % 2 !== 0) {
    throw fail(`not a llama2.c version 0 header: ${numbers.join(', ')}`);
  }
  const headDim = hidden / heads;
  return {
    ...{ hidden, intermediate, layers, heads, kvHeads, headDim, vocab, context },
    ...{ normEpsilon: 1e-5, ropeTheta: 10000, tiedHead: signedVocab > 0, bosToken: 1, eosTokens: [2] },
  };
}

function tensorsOf(bytes: Uint8Array, config: LlamaConfig): Map<string, StoredTensor> {
  const { hidden, intermediate, layers, heads, kvHeads, headDim, vocab, context } = config;
  const tensors = new Map<string, StoredTensor>();
  let at = HEADER_BYTES;
  const take = (count: number): Uint8Array => {
    const end = at + 4 * count;
    if (end > bytes.length)
      throw new QuantError('model.damaged-llama2c', `${bytes.length} bytes; at least ${end} are needed`);
    at = end;
    return bytes.subarray(end - 4 * count, end);
  };
  const put = (name: string, shape: readonly number[], data: Uint8Array): void => {
    tensors.set(name, { name, dtype: 'F32', shape, bytes: data });
  };
  const stack = (suffix: string, shape: readonly number[], reorder?: (data: Uint8Array) => Uint8Array): void => {
    const count = shape.reduce((product, n) => product * n, 1);
    for (let layer = 0; layer < layers; layer++) {
      const data = take(count);
      put(`model.layers.${layer}.${suffix}.weight`, shape, reorder ? reorder(data) : data);
    }
  };
  const halves = (ofHeads: number) => (data: Uint8Array) => pairsToHalves(data, ofHeads, headDim, hidden * 4);
  put('model.embed_tokens.weight', [vocab, hidden], take(vocab * hidden));
  stack('input_layernorm', [hidden]);
  stack('self_attn.q_proj', [heads * headDim, hidden], halves(heads));
  stack('self_attn.k_proj', [kvHeads * headDim, hidden], halves(kvHeads));
  stack('self_attn.v_proj', [kvHeads * headDim, hidden]);
  stack('self_attn.o_proj', [hidden, heads * headDim]);
  stack('post_attention_layernorm', [hidden]);
  stack('mlp.gate_proj', [intermediate, hidden]);
  stack('mlp.down_proj', [hidden, intermediate]);
  stack('mlp.up_proj', [intermediate, hidden]);
  put('model.norm.weight', [hidden], take(hidden));
  take(context * headDim); // two RoPE tables, recomputed at run time
  if (!config.tiedHead) put('lm_head.weight', [vocab, hidden], take(vocab * hidden));
  if (at !== bytes.length)
    throw new QuantError('model.damaged-llama2c', `${bytes.length - at} bytes after the last tensor`);
  return tensors;
}

/** Rows of one projection from neighbour pairing (2i, 2i+1) to half pairing (i, i + headDim/2), head by head; a copy. */
export function pairsToHalves(data: Uint8Array, heads: number, headDim: number, rowBytes: number): Uint8Array {
  const out = new Uint8Array(data.length);
  const half = headDim / 2;
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < headDim; i++) {
      const from = head * headDim + 2 * (i % half) + Math.floor(i / half);
      out.set(data.subarray(from * rowBytes, (from + 1) * rowBytes), (head * headDim + i) * rowBytes);
    }
  }
  return out;
}

/** The inverse of {@link pairsToHalves}. */
export function halvesToPairs(data: Uint8Array, heads: number, headDim: number, rowBytes: number): Uint8Array {
  const out = new Uint8Array(data.length);
  const half = headDim / 2;
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < headDim; i++) {
      const to = head * headDim + 2 * (i % half) + Math.floor(i / half);
      out.set(data.subarray((head * headDim + i) * rowBytes, (head * headDim + i + 1) * rowBytes), to * rowBytes);
    }
  }
  return out;
}

async function openTokenizer(path: string, given: string | undefined, vocab: number): Promise<Tokenizer> {
  const beside = [`tok${vocab}.bin`, 'tokenizer.bin'].map((file) => join(dirname(path), file));
  const file = given ?? beside.find((candidate) => existsSync(candidate));
  if (!file)
    throw new QuantError(
      'model.not-a-model',
      `no tokenizer beside ${path}: looked for tok${vocab}.bin and tokenizer.bin`,
    );
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new QuantError('model.not-a-model', `cannot read the tokenizer ${file}`, cause);
  });
  if (file.endsWith('.model')) return Tokenizer.fromSentencePiece(bytes);
  return new Tokenizer(parseLlama2cTokenizer(bytes, vocab));
}
