// Knows the arithmetic of one Llama layer as six steps over the addon, in float or as the board's W8A8, with a hook after every
// operator. Refuses to know caches, tokens and calibration; GPTQ and the error tables drive the same six steps.
// Surprise: every returned array is scratch of this pass, overwritten by the next call of the same step.
import {
  add,
  attention,
  dequantize,
  matmulF32,
  matmulInt8,
  quantizeRowsInt8,
  rmsNorm,
  rope,
  siluMul,
} from '@npulab/addon';
import { type Breath, breathe } from '../pace.js';
import type { LlamaConfig } from './config.js';
import type { Activations, OperatorHook } from './forward-options.js';
import type { LlamaModel } from './model.js';
import { Weights } from './weights.js';

/** Int8 rows of an operator's input, shared by the linears that read it. */
interface Int8Input {
  q: Int8Array;
  scales: Float32Array;
}

/** Keys and values of a layer up to and including the rows at work. */
export interface LayerCache {
  /** [position + rows, kvHeads, headDim]; the last `rows` rows are written. */
  keys: Float32Array;
  values: Float32Array;
}

/** One pass over a model. Calls must not overlap. */
export class Pass {
  readonly weights: Weights;
  readonly config: LlamaConfig;
  readonly #activations: Activations;
  readonly #hook: OperatorHook | undefined;
  readonly #options: { signal?: AbortSignal };
  readonly #floats = new Map<string, Float32Array>();
  readonly #breath: Breath;
  #q = new Int8Array(0);
  #sums = new Int32Array(0);

  constructor(model: LlamaModel, activations: Activations, signal?: AbortSignal, hook?: OperatorHook) {
    this.weights = new Weights(model, signal);
    this.config = model.config;
    this.#activations = activations;
    this.#hook = hook;
    this.#options = signal ? { signal } : {};
    this.#breath = breathe(signal);
  }

  /** Scratch array of a name, at least `elements` long, cut to it. */
  room(name: string, elements: number): Float32Array {
    let array = this.#floats.get(name);
    if (!array || array.length < elements) {
      array = new Float32Array(elements);
      this.#floats.set(name, array);
    }
    return array.length === elements ? array : array.subarray(0, elements);
  }

  /** Embedding rows [rows, hidden]. */
  async embed(tokens: ArrayLike<number>): Promise<Float32Array> {
    const x = this.room('x0', tokens.length * this.config.hidden);
    await this.weights.embed(tokens, x);
    await this.#emit('embed_tokens', x, [tokens.length, this.config.hidden]);
    return x;
  }

  /** RMSNorm of the residual stream x [rows, hidden] before attention. */
  attentionInput(layer: number, x: Float32Array, rows: number): Promise<Float32Array> {
    return this.#norm(`layers.${layer}.input_layernorm`, x, rows);
  }

  /** q, k, v projections of h [rows, hidden], RoPE, attention: [rows, heads, headDim]. Writes the cache's last rows. */
  async attention(
    layer: number,
    h: Float32Array,
    rows: number,
    position: number,
    cache: LayerCache,
  ): Promise<Float32Array> {
    const { heads, kvHeads, headDim, ropeTheta: theta } = this.config;
    const at = `layers.${layer}.self_attn.`;
    const kvWidth = kvHeads * headDim;
    const k = cache.keys.subarray(position * kvWidth, (position + rows) * kvWidth);
    const v = cache.values.subarray(position * kvWidth, (position + rows) * kvWidth);
    const q = this.room('q', rows * heads * headDim);
    const input = await this.#quantizeInput(`${at}qkv_quantize`, h, rows, this.config.hidden);
    await this.linear(`${at}q_proj`, h, rows, q, input);
    await this.linear(`${at}k_proj`, h, rows, k, input);
    await this.linear(`${at}v_proj`, h, rows, v, input);
    await rope(q, { rows, heads, headDim, firstPosition: position, theta }, this.#options);
    await rope(k, { rows, heads: kvHeads, headDim, firstPosition: position, theta }, this.#options);
    if (this.#hook) await this.#emit(`${at}rope`, interleaveRows(q, k, rows), [rows, heads + kvHeads, headDim]);
    const out = this.room('attention', rows * heads * headDim);
    const shape = { rows, heads, kvHeads, headDim, firstPosition: position };
    const seen = (position + rows) * kvWidth;
    await attention(q, cache.keys.subarray(0, seen), cache.values.subarray(0, seen), out, shape, this.#options);
    await this.#emit(`${at}attention`, out, [rows, heads, headDim]);
    return out;
  }

  /** x + o_proj(a): the residual stream after attention, [rows, hidden]. */
  async attentionOutput(layer: number, x: Float32Array, a: Float32Array, rows: number): Promise<Float32Array> {
    const { heads, headDim, hidden } = this.config;
    const at = `layers.${layer}.self_attn.`;
    const o = this.room('o', rows * hidden);
    const input = await this.#quantizeInput(`${at}o_quantize`, a, rows, heads * headDim);
    await this.linear(`${at}o_proj`, a, rows, o, input);
    return this.#residual(`layers.${layer}.attn_residual`, x, o, 'x1', rows);
  }

  /** RMSNorm of the residual stream x [rows, hidden] before the MLP. */
  mlpInput(layer: number, x: Float32Array, rows: number): Promise<Float32Array> {
    return this.#norm(`layers.${layer}.post_attention_layernorm`, x, rows);
  }

  /** silu(gate(h)) · up(h): [rows, intermediate]. */
  async gated(layer: number, h: Float32Array, rows: number): Promise<Float32Array> {
    const { hidden, intermediate } = this.config;
    const at = `layers.${layer}.mlp.`;
    const gate = this.room('gate', rows * intermediate);
    const up = this.room('up', rows * intermediate);
    const out = this.room('gated', rows * intermediate);
    const input = await this.#quantizeInput(`${at}gate_up_quantize`, h, rows, hidden);
    await this.linear(`${at}gate_proj`, h, rows, gate, input);
    await this.linear(`${at}up_proj`, h, rows, up, input);
    await siluMul(gate, up, out, this.#options);
    await this.#emit(`${at}silu_mul`, out, [rows, intermediate]);
    return out;
  }

  /** x + down_proj(g): the residual stream after the MLP, [rows, hidden]. */
  async mlpOutput(layer: number, x: Float32Array, g: Float32Array, rows: number): Promise<Float32Array> {
    const { hidden, intermediate } = this.config;
    const at = `layers.${layer}.mlp.`;
    const down = this.room('o', rows * hidden);
    const input = await this.#quantizeInput(`${at}down_quantize`, g, rows, intermediate);
    await this.linear(`${at}down_proj`, g, rows, down, input);
    return this.#residual(`layers.${layer}.mlp_residual`, x, down, 'x0', rows);
  }

  /** All six steps: the residual stream after a layer. */
  async layer(
    layer: number,
    x: Float32Array,
    rows: number,
    position: number,
    cache: LayerCache,
  ): Promise<Float32Array> {
    const a = await this.attention(layer, await this.attentionInput(layer, x, rows), rows, position, cache);
    const x1 = await this.attentionOutput(layer, x, a, rows);
    return this.mlpOutput(layer, x1, await this.gated(layer, await this.mlpInput(layer, x1, rows), rows), rows);
  }

  /** The final RMSNorm, [rows, hidden]. */
  finalNorm(x: Float32Array, rows: number): Promise<Float32Array> {
    return this.#norm('norm', x, rows);
  }

  /** lm_head of normed rows h [rows, hidden] into `out` [rows, vocab]. */
  async head(h: Float32Array, rows: number, out: Float32Array): Promise<void> {
    const input = await this.#quantizeInput('lm_head_quantize', h, rows, this.config.hidden);
    await this.linear('lm_head', h, rows, out, input);
  }

  /** One linear: x [rows, width] · Wᵀ into `out`. In int8 the products are exact and scaled (sum · row scale) · column scale. */
  async linear(operator: string, x: Float32Array, rows: number, out: Float32Array, input?: Int8Input): Promise<void> {
    const { rows: n, width: k } = this.weights.shape(operator);
    if (input) {
      const weight = await this.weights.int8(operator);
      if (this.#sums.length < rows * n) this.#sums = new Int32Array(rows * n);
      const sums = this.#sums.subarray(0, rows * n);
      await matmulInt8(input.q, weight.q, sums, { m: rows, k, n }, this.#options);
      await dequantize(sums, input.scales, weight.scales, out, { rows, columns: n }, this.#options);
    } else {
      await matmulF32(x, await this.weights.float(operator), out, { m: rows, k, n }, this.#options);
    }
    await this.#emit(operator, out, [rows, n]);
  }

  /** One linear on an f32 input of its own, in this pass's arithmetic. */
  async alone(operator: string, x: Float32Array, rows: number, out: Float32Array): Promise<void> {
    const input = await this.#quantizeInput(`${operator}_input`, x, rows, this.weights.shape(operator).width);
    await this.linear(operator, x, rows, out, input);
  }

  /** Rows as int8 where this pass computes in int8, else undefined. */
  async #quantizeInput(operator: string, x: Float32Array, rows: number, width: number): Promise<Int8Input | undefined> {
    if (this.#activations === 'float') return undefined;
    if (this.#q.length < rows * width) this.#q = new Int8Array(rows * width);
    const q = this.#q.subarray(0, rows * width);
    const scales = this.room('scales', rows);
    await quantizeRowsInt8(x, q, scales, { rows, width }, this.#options);
    await this.#hook?.(operator, { data: q, shape: [rows, width], dtype: 'i8', scales });
    return { q, scales };
  }

  async #norm(operator: string, x: Float32Array, rows: number): Promise<Float32Array> {
    const { hidden: width, normEpsilon: eps } = this.config;
    const out = this.room('norm', rows * width);
    await rmsNorm(x, await this.weights.norm(`model.${operator}.weight`), out, { rows, width, eps }, this.#options);
    await this.#emit(operator, out, [rows, width]);
    return out;
  }

  async #residual(
    operator: string,
    x: Float32Array,
    y: Float32Array,
    name: string,
    rows: number,
  ): Promise<Float32Array> {
    const out = this.room(name, rows * this.config.hidden);
    await add(x, y, out, this.#options);
    await this.#emit(operator, out, [rows, this.config.hidden]);
    return out;
  }

  async #emit(operator: string, data: Float32Array, shape: readonly number[]): Promise<void> {
    await this.#hook?.(operator, { data, shape, dtype: 'f32' });
    // The addon runs small products at once, without a turn of the event loop: a small model would never let an interrupt in.
    if (this.#breath.due()) await this.#breath.take();
  }
}

/** The board's `rope` output: per row the query heads, then the key heads. */
function interleaveRows(q: Float32Array, k: Float32Array, rows: number): Float32Array {
  const [a, b] = [q.length / rows, k.length / rows];
  const out = new Float32Array(q.length + k.length);
  for (let row = 0; row < rows; row++) {
    out.set(q.subarray(row * a, (row + 1) * a), row * (a + b));
    out.set(k.subarray(row * b, (row + 1) * b), row * (a + b) + a);
  }
  return out;
}
