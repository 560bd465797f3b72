// The call signatures of this package while its rooms are furnished; each function moves to its own file.

import type { Evaluation, LayerError } from './metrics/results.js';
import type { Activations, ForwardOptions } from './model/forward-options.js';
import type { LlamaModel } from './model/model.js';
import type { QuantizeCheckpoint, QuantizedModel, QuantizeOptions, QuantizeSettings } from './quantize/settings.js';

/** Options of {@link openModel}. */
export interface OpenOptions {
  /** Tokenizer file; default: tokenizer.model in the folder, tok<vocab>.bin or tokenizer.bin beside a llama2.c file. */
  tokenizer?: string;
  /** Cancels with `quant.cancelled`. */
  signal?: AbortSignal;
}
export declare function openModel(path: string, options?: OpenOptions): Promise<LlamaModel>;
export declare function forward(
  model: LlamaModel,
  tokens: ArrayLike<number>,
  options?: ForwardOptions,
): Promise<Float32Array>;
/** Options of {@link generate}. */
export interface GenerateOptions {
  /** Tokens at most. */
  maxTokens: number;
  /** 0 (default): greedy. */
  temperature?: number;
  /** Nucleus; 1 (default): whole vocabulary. */
  topP?: number;
  /** Seed of the sampler. Default 0. */
  seed?: number | bigint;
  /** Default: the model's EOS tokens. The stop token is not yielded. */
  stopTokens?: readonly number[];
  /** Default `float`. */
  activations?: Activations;
  signal?: AbortSignal;
}
/** One generated token. */
export interface GeneratedToken {
  token: number;
  /** Text completed by this token; '' while a character's bytes are incomplete. */
  text: string;
}
export declare function generate(
  model: LlamaModel,
  prompt: string | ArrayLike<number>,
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken>;
export declare function quantize(
  model: LlamaModel,
  settings: QuantizeSettings,
  options?: QuantizeOptions,
): Promise<QuantizedModel>;
export declare function createCheckpoint(): QuantizeCheckpoint;
/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** Compare with this model (usually the float one). */
  reference?: LlamaModel;
  /** Default 512, at most the context. */
  windowTokens?: number;
  /** Stop after this many windows. Default: all. */
  maxWindows?: number;
  /** Arithmetic of `model`; the reference always runs in float. Default `float`. */
  activations?: Activations;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}
export declare function evaluate(
  model: LlamaModel,
  text: string | Int32Array,
  options?: EvaluateOptions,
): Promise<Evaluation>;
export declare function layerErrors(
  float: LlamaModel,
  quantized: LlamaModel,
  text: string | Int32Array,
  options?: {
    windowTokens?: number;
    activations?: Activations;
    onProgress?: (done: number, total: number) => void;
    signal?: AbortSignal;
  },
): Promise<LayerError[]>;
/** Result of {@link save}. */
export interface SavedModel {
  folder: string;
  /** Bytes written, all files. */
  sizeBytes: number;
  /** Digest of the manifest; equals `digest()` of the model opened from the folder. */
  digest: string;
}
export declare function save(
  model: LlamaModel,
  folder: string,
  options?: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void },
): Promise<SavedModel>;
