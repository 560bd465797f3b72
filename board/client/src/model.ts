/** Models on the board as a cell sees them. Refuses to know manifests' bytes and the forward pass. */
import type { InferenceSession, Sampling } from './inference.js';
import type { CallOptions, ProgressOptions } from './options.js';

/** Shape of a loaded model. */
export interface ModelInfo {
  name: string;
  layers: number;
  hidden: number;
  intermediate: number;
  heads: number;
  kvHeads: number;
  vocabulary: number;
  /** Longest sequence, tokens. */
  context: number;
  /** Weights in device memory, bytes. */
  weightBytes: number;
  /** Bytes read to decode one token: the floor of decode latency is this over the bandwidth bound. */
  bytesPerToken: number;
}

/** One operator of the forward pass, in order of execution. */
export interface OperatorInfo {
  /** For example `layers.3.mlp.down_proj`. */
  name: string;
  layer: number | null;
  /** For example `matmul`, `rmsNorm`. */
  kind: string;
  runsOn: 'npu' | 'cpu';
  /** Inner size (k of a matrix product) per row. */
  inner: number;
  /** Output size (n of a matrix product) per row. */
  outer: number;
}

/** The files of a model, for models that do not lie in one folder. All three are files on this machine. */
export interface ModelFiles {
  /** Name shown on the board. */
  name: string;
  /** Hugging Face `config.json` of a Llama model. */
  config: string;
  /** `model.safetensors`, float or int8 (compressed-tensors). */
  weights: string;
  /** SentencePiece `tokenizer.model`. */
  tokenizer: string;
}

/** A model ready to run. Lives until {@link LoadedModel.unload} or the end of the session. */
export interface LoadedModel {
  readonly info: ModelInfo;
  readonly operators: readonly OperatorInfo[];
  /** SHA-256 of the manifest: names exactly these bytes of configuration, weights and tokenizer. */
  readonly manifestId: string;
  /** Bytes that had to be sent for this load; 0 where the board had all of it. */
  readonly uploadedBytes: number;
  /**
   * Opens an inference. `prompt`: token ids, or a text that the board's tokenizer encodes (with the begin token).
   * Fails with `badArgument` (empty, unknown token, longer than the context) or `outOfMemory`.
   */
  session(prompt: readonly number[] | string, options?: CallOptions & Sampling): Promise<InferenceSession>;
  /** Frees the model on the board; its inferences turn stale. Safe to call twice and after the session has ended. */
  unload(options?: CallOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The board's models. */
export interface Models {
  /**
   * Loads a model folder (`config.json`, `model.safetensors`, `tokenizer.model`): uploads what the board lacks, then
   * has it prepared. Progress goes through `hashing`, `uploading`, `loading`. Fails with `board.model-folder` (a file
   * is missing), `noSpace`, `outOfMemory`, `unsupported` or `corrupt` (the board refuses the files and says why).
   */
  load(source: string | ModelFiles, options?: ProgressOptions): Promise<LoadedModel>;
}
