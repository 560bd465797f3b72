// Knows the arguments and results of a forward pass. Refuses to know how it is computed.
// Surprise: what a hook receives is scratch memory, valid until the hook's promise settles; copy what you keep.
import type { KvCache } from './cache.js';

/** Output of one operator, handed to a hook. */
export interface OperatorOutput {
  /** Values, row-major. int8 for `*_quantize` operators, else f32. */
  readonly data: Float32Array | Int8Array;
  /** Dimensions: [rows, width], or [rows, heads, headDim] for rope and attention. */
  readonly shape: readonly number[];
  /** `f32` or `i8`. */
  readonly dtype: 'f32' | 'i8';
  /** One scale per row, for `i8` only. */
  readonly scales?: Float32Array;
}

/** Called after every operator, in forward order, with the names of the board's operators. The pass waits for it. */
export type OperatorHook = (operator: string, output: OperatorOutput) => void | Promise<void>;

/** How the linears compute. `float`: f32 × (dequantized) f32. `int8`: the board's W8A8, dynamic scale per token. */
export type Activations = 'float' | 'int8';

/** Options of {@link forward}. */
export interface ForwardOptions {
  /** Default `float`. `int8` needs int8 weights per channel in every linear (`quant.not-int8`). */
  activations?: Activations;
  /** Keys and values of earlier tokens; the pass appends to it. Default: none, tokens start at position 0. */
  cache?: KvCache;
  /** Which rows of logits to return. Default `all`; `last` returns [1, vocab]. */
  logits?: 'all' | 'last';
  /** Sees every operator's output. */
  hooks?: OperatorHook;
  /** Cancels within 200 ms with `quant.cancelled`. */
  signal?: AbortSignal;
}
