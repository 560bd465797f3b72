// Knows how a path becomes a model: a Hugging Face folder (mapped safetensors) or a llama2.c file.
// Refuses to know arithmetic. Surprise: everything is checked here, once: names, dtypes and shapes of all weights, so that a
// forward pass never meets a wrong one.
import { readFile, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { QuantError } from '../errors.js';
import { parseConfig } from '../model/config.js';
import { HeldModel } from '../model/llama-model.js';
import type { LlamaModel } from '../model/model.js';
import { throwIfCancelled } from '../pace.js';
import { Tokenizer } from '../tokenizer/tokenizer.js';
import { checkQuantizationConfig } from './compressed-tensors.js';
import { openLlama2c } from './llama2c.js';
import { hashChunks, type Manifest } from './manifest.js';
import { openMapped } from './mapped.js';
import { parseSafetensors } from './safetensors.js';
import { checkedWeights } from './weights-check.js';

/** Options of {@link openModel}. */
export interface OpenOptions {
  /** Tokenizer file; default: tokenizer.model in the folder, `tok<vocabulary>.bin` or tokenizer.bin beside a llama2.c file. */
  tokenizer?: string;
  /** Cancels with `quant.cancelled`. */
  signal?: AbortSignal;
}

/**
 * Opens a model folder (config.json, model.safetensors, tokenizer.model; float or int8 compressed-tensors) or a llama2.c .bin file.
 * Weights stay in the mapped file until used; close the model to unmap it.
 * Errors: `model.not-found`, `model.not-a-model`, `model.damaged-…`, `model.missing-tensor`, `model.wrong-dtype`,
 * `model.wrong-shape`, `model.unsupported`, `quant.cancelled`.
 */
export async function openModel(path: string, options: OpenOptions = {}): Promise<LlamaModel> {
  throwIfCancelled(options.signal);
  const folder = resolve(path);
  const what = await stat(folder).catch((cause: unknown) => {
    throw new QuantError('model.not-found', `nothing at ${path}`, cause);
  });
  if (what.isDirectory()) return openFolder(folder, options);
  if (extname(folder) !== '.bin')
    throw new QuantError('model.not-a-model', `${path} is a file, and not a llama2.c .bin`);
  return openLlama2c(folder, options.tokenizer);
}

async function openFolder(folder: string, options: OpenOptions): Promise<LlamaModel> {
  const part = async (file: string): Promise<Uint8Array> =>
    readFile(file).catch((cause: unknown) => {
      throw new QuantError('model.not-a-model', `${folder} has no readable ${basename(file)}`, cause);
    });
  const configBytes = await part(join(folder, 'config.json'));
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(configBytes));
  } catch (cause) {
    throw new QuantError('model.damaged-config', `${folder}/config.json is not JSON in UTF-8`, cause);
  }
  const config = parseConfig(json);
  const compressed = checkQuantizationConfig(json);
  const tokenizerBytes = await part(options.tokenizer ?? join(folder, 'tokenizer.model'));
  const tokenizer = Tokenizer.fromSentencePiece(tokenizerBytes);
  if (tokenizer.size > config.vocab) {
    throw new QuantError(
      'model.wrong-shape',
      `tokenizer.model has ${tokenizer.size} pieces, config.json says ${config.vocab}`,
    );
  }
  const mapped = openMapped(join(folder, 'model.safetensors'));
  try {
    const bytes = new Uint8Array(mapped.buffer);
    const { tensors } = parseSafetensors(bytes);
    const weights = await checkedWeights(tensors, config, compressed);
    throwIfCancelled(options.signal);
    const manifest = async (_: LlamaModel, signal?: AbortSignal): Promise<Manifest> => ({
      format: 'npulab.model.v1',
      name: basename(folder),
      files: {
        'config.json': await hashChunks([configBytes], signal),
        'model.safetensors': await hashChunks([bytes], signal),
        'tokenizer.model': await hashChunks([tokenizerBytes], signal),
      },
    });
    return new HeldModel({
      name: basename(folder),
      folder,
      config,
      tokenizer,
      ...weights,
      manifest,
      release: () => mapped.close(),
    });
  } catch (error) {
    mapped.close();
    throw error;
  }
}
