// Knows how a pass gets at weights: norms and linears as f32, linears as int8 with scales.
// Refuses to know the order of operators. Surprise: where all weights fit into `weightCache.limitBytes` as f32 they are converted once and
// kept with the model; above that (TinyLlama) each use converts into one scratch array per pass, so memory stays bounded by
// the largest linear (lm_head, 262 MB).
import { quantizeRowsInt8 } from '@npulab/addon';
import { QuantError } from '../errors.js';
import { dequantizeLinear, float32View, toFloat32 } from './convert.js';
import type { LlamaModel, StoredTensor } from './model.js';
import { type LinearShape, linearsOf, weightName } from './operators.js';

/** Converted weights of one model are kept where all its linears take at most `limitBytes` as f32; tests set it to 0. */
export const weightCache = { limitBytes: 512 * 2 ** 20 };

/** An int8 linear: q [rows, width], scales [rows]. */
export interface Int8Linear {
  readonly q: Int8Array;
  readonly scales: Float32Array;
}

interface Kept {
  floats: Map<string, Float32Array>;
  int8: Map<string, Int8Linear>;
}

const keptByModel = new WeakMap<LlamaModel, Kept>();

/** Weights of one model for one pass (one at a time: a scratch array is reused). */
export class Weights {
  readonly #model: LlamaModel;
  readonly #signal: AbortSignal | undefined;
  readonly #shapes: Map<string, LinearShape>;
  readonly #kept: Kept | undefined;
  #scratch = new Float32Array(0);

  constructor(model: LlamaModel, signal?: AbortSignal) {
    this.#model = model;
    this.#signal = signal;
    const linears = linearsOf(model.config);
    this.#shapes = new Map(linears.map((linear) => [linear.operator, linear]));
    const elements = linears.reduce((sum, { rows, width }) => sum + rows * width, 0);
    if (elements * 4 <= weightCache.limitBytes) {
      let kept = keptByModel.get(model);
      if (!kept) {
        kept = { floats: new Map(), int8: new Map() };
        keptByModel.set(model, kept);
      }
      this.#kept = kept;
    }
  }

  /** Shape of a linear. */
  shape(operator: string): LinearShape {
    const shape = this.#shapes.get(operator);
    if (!shape) throw new RangeError(`no linear ${operator}`);
    return shape;
  }

  /** A norm's weight [hidden], by tensor name. */
  async norm(name: string): Promise<Float32Array> {
    const tensor = this.#model.tensor(name);
    const view = float32View(tensor) ?? this.#kept?.floats.get(name);
    if (view) return view;
    const out = new Float32Array(this.#model.config.hidden);
    await toFloat32(tensor, out, this.#signal);
    this.#kept?.floats.set(name, out);
    return out;
  }

  /** A linear as f32 [rows, width]; integer weights are dequantized. Valid until the next call for a model too large to keep. */
  async float(operator: string): Promise<Float32Array> {
    const linear = this.#model.quantizedLinear(operator);
    const stored = linear ? undefined : this.#stored(operator);
    const view = (stored && float32View(stored)) ?? this.#kept?.floats.get(operator);
    if (view) return view;
    const { rows, width } = this.shape(operator);
    const out = this.#kept ? new Float32Array(rows * width) : this.#room(rows * width);
    if (linear) await dequantizeLinear(linear, out, this.#signal);
    else if (stored) await toFloat32(stored, out, this.#signal);
    this.#kept?.floats.set(operator, out);
    return out;
  }

  /**
   * A linear as int8 per channel. Float linears are rounded to nearest, as the board does while loading.
   * Errors: `quant.not-int8` for other widths and groups.
   */
  async int8(operator: string): Promise<Int8Linear> {
    const linear = this.#model.quantizedLinear(operator);
    if (linear) {
      if (linear.bits !== 8 || linear.groupSize !== -1) {
        const scheme = linear.groupSize === -1 ? 'per channel' : `in groups of ${linear.groupSize}`;
        throw new QuantError('quant.not-int8', `${operator} has ${linear.bits}-bit weights ${scheme}`);
      }
      return linear;
    }
    const known = this.#kept?.int8.get(operator);
    if (known) return known;
    const { rows, width } = this.shape(operator);
    const rounded = { q: new Int8Array(rows * width), scales: new Float32Array(rows) };
    await quantizeRowsInt8(
      await this.float(operator),
      rounded.q,
      rounded.scales,
      { rows, width },
      { signal: this.#signal },
    );
    this.#kept?.int8.set(operator, rounded);
    return rounded;
  }

  /** Embedding rows of tokens as f32 [tokens, hidden] into `out`. */
  async embed(tokens: ArrayLike<number>, out: Float32Array): Promise<void> {
    const table = this.#model.tensor('model.embed_tokens.weight');
    const rowBytes = table.bytes.length / this.#model.config.vocab;
    const bytes = new Uint8Array(tokens.length * rowBytes);
    for (let row = 0; row < tokens.length; row++) {
      const from = (tokens[row] as number) * rowBytes;
      bytes.set(table.bytes.subarray(from, from + rowBytes), row * rowBytes);
    }
    await toFloat32({ ...table, bytes }, out, this.#signal);
  }

  #stored(operator: string): StoredTensor {
    const tied = operator === 'lm_head' && this.#model.config.tiedHead;
    return this.#model.tensor(tied ? 'model.embed_tokens.weight' : weightName(operator));
  }

  #room(elements: number): Float32Array {
    if (this.#scratch.length < elements) this.#scratch = new Float32Array(elements);
    return this.#scratch.subarray(0, elements);
  }
}
