// Knows what a model is to its users: a shape, named weights, a tokenizer, a digest.
// Refuses to know files and arithmetic. Surprise: a quantized model is a LlamaModel too; only its linears differ.
import type { Manifest } from '../files/manifest.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import type { LlamaConfig } from './config.js';

/** Element types a weight may have on disk. */
export type WeightDtype = 'F32' | 'F16' | 'BF16' | 'I8';

/** One stored tensor: raw little-endian bytes, row-major. The bytes are mapped or shared: read only. */
export interface StoredTensor {
  /** Hugging Face name, for example `model.layers.0.self_attn.q_proj.weight`. */
  readonly name: string;
  /** Element type. */
  readonly dtype: WeightDtype;
  /** Dimensions, outermost first. */
  readonly shape: readonly number[];
  /** The bytes; not necessarily aligned for the type. */
  readonly bytes: Uint8Array;
}

/** A linear layer with integer weights: w[o][i] = q[o][i] · scales[o][i / groupSize]. */
export interface QuantizedLinear {
  /** Operator name, for example `layers.0.self_attn.q_proj`. */
  readonly operator: string;
  /** Output and input width. */
  readonly rows: number;
  /** Input width. */
  readonly width: number;
  /** Bits per weight, 2 to 8; values lie in ±(2^(bits−1) − 1). */
  readonly bits: number;
  /** Input columns per scale; −1: one scale per output row. */
  readonly groupSize: number;
  /** Integer weights [rows, width], one byte each whatever the bits. */
  readonly q: Int8Array;
  /** Scales [rows, groups]. */
  readonly scales: Float32Array;
}

/** A Llama model, float or quantized. Lives until `close()`; weights stay in the mapped file. */
export interface LlamaModel {
  /** Folder or file name without path. */
  readonly name: string;
  /** Absolute path it was opened from; null for a model that exists only in memory. */
  readonly folder: string | null;
  /** Shape. */
  readonly config: LlamaConfig;
  /** Tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Operator names of the linears that are quantized; empty for a float model. */
  readonly quantizedOperators: readonly string[];
  /** Bytes of all weights, as stored (a 4-bit weight counts half a byte). */
  readonly sizeBytes: number;
  /** Names of the stored tensors. */
  readonly tensorNames: readonly string[];
  /**
   * A stored float tensor (norms, embedding, unquantized linears) by its Hugging Face name.
   * Errors: `model.missing-tensor`, `model.closed`.
   */
  tensor(name: string): StoredTensor;
  /** The integer weights of an operator, or undefined where it is float. Errors: `model.closed`. */
  quantizedLinear(operator: string): QuantizedLinear | undefined;
  /** Names, sha256 and sizes of the files as the board receives them. Read once, then cached. Errors: `quant.cancelled`, `quant.save-bits`. */
  manifest(options?: { signal?: AbortSignal }): Promise<Manifest>;
  /** sha256 (hex) over the manifest's files (see modelDigest): equal digests mean equal models. */
  digest(options?: { signal?: AbortSignal }): Promise<string>;
  /** Unmaps the file. Later use throws `model.closed`; closing twice is harmless. */
  close(): void;
  [Symbol.dispose](): void;
  /** One line: name, shape, size. */
  toString(): string;
}
