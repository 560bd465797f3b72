/** A running inference as a cell sees it. Refuses to know message numbers and the forward pass. */
import type { DType, Summary } from './buffer.js';
import type { CallOptions } from './options.js';
import type { TraceRecord } from './trace.js';

/** How the next token is chosen. */
export interface Sampling {
  /** 0 (default) takes the most likely token. */
  temperature?: number;
  /** Nucleus: the smallest set of tokens with at least this probability. Default 1. */
  topP?: number;
  /** Default 0. Same seed, same tokens. */
  seed?: number;
}

/** Where an inference stands. */
export interface InferenceState {
  /** Tokens whose forward pass is complete. */
  position: number;
  /** Index (into `LoadedModel.operators`) of the operator that runs next. */
  nextOperator: number;
  /** The token sampled last; null before the first. */
  lastToken: number | null;
  /** Prompt and generated tokens. */
  tokens: readonly number[];
}

/** Result of one step. */
export interface StepResult {
  /** The operators that ran, in order. */
  records: readonly TraceRecord[];
  state: InferenceState;
}

/** One generated token. */
export interface GeneratedToken {
  token: number;
  /** Text this token completes; empty while a character is still in pieces. */
  text: string;
  /** The operators of this token's forward pass. The first token's include the prompt's pass. */
  records: readonly TraceRecord[];
}

/** Why a generation ended. */
export type StopReason = 'maxTokens' | 'stopToken' | 'contextFull' | 'cancelled';

/** Tokens as they come. The reader's pace holds the board back: at most 256 KiB of tokens and records are under way. */
export interface Generation extends AsyncIterable<GeneratedToken> {
  /** Why it ended; null while it runs. */
  readonly stopReason: StopReason | null;
}

/** Options of {@link InferenceSession.generate}. Sampling given here replaces the session's. */
export interface GenerateOptions extends CallOptions, Sampling {
  /** At most this many tokens. */
  maxTokens: number;
  /** Tokens that end the generation; they are delivered too. */
  stopTokens?: readonly number[];
}

/** A tensor at an operator boundary, as it was when {@link InferenceSession.tensor} asked. The elements stay on the board. */
export interface TensorHandle {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Copies `count` elements from element `offset` on; absent: all. Reads what the board holds now. */
  read(options?: CallOptions & { offset?: number; count?: number }): Promise<TensorData>;
  /** Figures computed on the board; `reference` (a blob of the same elements, id in hex) adds cosine and distance. */
  summary(options?: CallOptions & { reference?: string }): Promise<Summary>;
  /** Overwrites elements from element `offset` on; the operators after this one then see them. f32 tensors only. */
  replace(data: Float32Array, options?: CallOptions & { offset?: number }): Promise<void>;
}

/** Elements as the tensor's own type; `f16` as raw 16-bit words. */
export type TensorData =
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>;

/** An inference on the board. Lives until {@link InferenceSession.close}, its model's unload or the end of the session. */
export interface InferenceSession {
  /** Where it stood after the last call that told. */
  readonly state: InferenceState;
  /**
   * Runs to the next stop: one operator, the end of the layer, the end of the token, or until the named operator has run.
   * Cancelled, the board stops after the operator under way, and the next call tells where that was.
   */
  step(options?: CallOptions & { until?: 'op' | 'layer' | 'token' | { operator: string } }): Promise<StepResult>;
  /**
   * Generates tokens. Leaving the loop early cancels on the board. One generation at a time: a second fails with `busy`.
   * @example
   * for await (const { text } of run.generate({ maxTokens: 64 })) process.stdout.write(text);
   */
  generate(options: GenerateOptions): Generation;
  /** The tensor an operator left, by the operator's name. Fails with `notFound` before it has run. */
  tensor(name: string, options?: CallOptions): Promise<TensorHandle>;
  /** Marks the present position, for {@link rewind}. */
  snapshot(options?: CallOptions): Promise<{ position: number }>;
  /** Goes back to an earlier token position. */
  rewind(position: number, options?: CallOptions): Promise<InferenceState>;
  /** Frees it on the board. Safe to call twice and after the session has ended. */
  close(options?: CallOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
