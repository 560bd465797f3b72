// Knows the keys and values of past tokens, one pair of arrays per layer, growing in powers of two up to the context.
// Refuses to know attention. Surprise: `rewind` only moves a number; the rows behind it are overwritten later.
import { QuantError } from '../errors.js';
import type { LlamaConfig } from './config.js';

/** Keys and values of the tokens so far. TinyLlama at 2048 tokens: 92 MB of f32. */
export class KvCache {
  /** Tokens held. */
  length = 0;
  readonly #config: LlamaConfig;
  #capacity = 0;
  #keys: Float32Array[] = [];
  #values: Float32Array[] = [];

  /** An empty cache for a model of this shape. */
  constructor(config: LlamaConfig) {
    this.#config = config;
  }

  /** Makes room for `rows` more tokens. Errors: `model.bad-tokens` beyond the context. */
  reserve(rows: number): void {
    const { context, layers, kvHeads, headDim } = this.#config;
    const need = this.length + rows;
    if (need > context) throw new QuantError('model.bad-tokens', `${need} tokens exceed the context of ${context}`);
    if (need <= this.#capacity) return;
    this.#capacity = Math.min(context, 2 ** Math.ceil(Math.log2(Math.max(need, 16))));
    const width = kvHeads * headDim;
    const grow = (old: Float32Array | undefined): Float32Array => {
      const next = new Float32Array(this.#capacity * width);
      if (old) next.set(old.subarray(0, this.length * width));
      return next;
    };
    this.#keys = Array.from({ length: layers }, (_, layer) => grow(this.#keys[layer]));
    this.#values = Array.from({ length: layers }, (_, layer) => grow(this.#values[layer]));
  }

  /** Keys of a layer from `first` on, `count` rows: [count, kvHeads, headDim]; a view. */
  keys(layer: number, first: number, count: number): Float32Array {
    return this.#rows(this.#keys[layer], first, count);
  }

  /** Values of a layer from `first` on, `count` rows: [count, kvHeads, headDim]; a view. */
  values(layer: number, first: number, count: number): Float32Array {
    return this.#rows(this.#values[layer], first, count);
  }

  /** Forgets all tokens from `length` on. */
  rewind(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.length) {
      throw new QuantError('model.bad-tokens', `cannot rewind to ${length}; the cache holds ${this.length} tokens`);
    }
    this.length = length;
  }

  #rows(array: Float32Array | undefined, first: number, count: number): Float32Array {
    const width = this.#config.kvHeads * this.#config.headDim;
    if (!array || first + count > this.#capacity) throw new RangeError('cache rows were not reserved');
    return array.subarray(first * width, (first + count) * width);
  }
}
