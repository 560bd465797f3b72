// Knows where along the layers a quantized model leaves the float one: per operator, with all earlier errors ("entire") and
// alone on the float input ("single"). Refuses to know why. Surprise: both models run in lock-step, one layer at a time, so one
// layer's outputs of one window are all that is kept. The sums are f64 in plain loops: a metric, not a kernel.
import { QuantError } from '../errors.js';
import { KvCache } from '../model/cache.js';
import type { Activations, OperatorHook } from '../model/forward-options.js';
import type { LlamaModel } from '../model/model.js';
import { LAYER_LINEARS } from '../model/operators.js';
import { Pass } from '../model/pass.js';
import { cutWindows, type TextInput, textTokens, windowLength } from '../model/windows.js';
import { cancellable, throwIfCancelled } from '../pace.js';
import { checkComparable } from './comparable.js';
import type { LayerError } from './results.js';
import { Similarity } from './similarity.js';

/** Options of {@link layerErrors}. */
export interface LayerErrorOptions {
  /** Tokens per window, BOS included. Default 512, cut to the context. */
  windowTokens?: number;
  /** Windows used. Default 1. */
  maxWindows?: number;
  /** Arithmetic of the quantized model. Default `float`. */
  activations?: Activations;
  /** Layers done of layers in all, over all windows. */
  onProgress?: (done: number, total: number) => void;
  /** Cancels within 200 ms with `quant.cancelled`. */
  signal?: AbortSignal;
}

/** The operator whose output a linear reads. */
const INPUT_OF: Readonly<Record<(typeof LAYER_LINEARS)[number], string>> = {
  'self_attn.q_proj': 'input_layernorm',
  'self_attn.k_proj': 'input_layernorm',
  'self_attn.v_proj': 'input_layernorm',
  'self_attn.o_proj': 'self_attn.attention',
  'mlp.gate_proj': 'post_attention_layernorm',
  'mlp.up_proj': 'post_attention_layernorm',
  'mlp.down_proj': 'mlp.silu_mul',
};

/**
 * Compares every operator's output. Rows come in forward order.
 * Errors: `quant.text-short`, `quant.models-differ`, `quant.not-int8`, `quant.bad-settings`, `model.bad-tokens`, `quant.cancelled`.
 */
export async function layerErrors(
  float: LlamaModel,
  quantized: LlamaModel,
  text: TextInput,
  options: LayerErrorOptions = {},
): Promise<LayerError[]> {
  const { signal, activations = 'float' } = options;
  checkComparable(float, quantized);
  const windowTokens = windowLength(float, options.windowTokens);
  return cancellable(signal, async () => {
    const ids = await textTokens(float, text, signal);
    const windows = cutWindows(ids, float.config.bosToken, windowTokens, options.maxWindows ?? 1);
    if (windows.length === 0) throw new QuantError('quant.text-short', 'the text has no tokens');
    const comparison = new Comparison(float, quantized, activations, signal);
    const total = windows.length * float.config.layers;
    let done = 0;
    for (const { inputs } of windows) {
      await comparison.window(inputs, () => options.onProgress?.(++done, total));
    }
    return comparison.rows();
  });
}

class Comparison {
  readonly #outputs = new Map<string, Float32Array>();
  readonly #entire = new Map<string, Similarity>();
  readonly #single = new Map<string, Similarity>();
  readonly #layers: number;
  readonly #floatPass: Pass;
  readonly #quantizedPass: Pass;
  readonly #singlePass: Pass;
  readonly #signal: AbortSignal | undefined;
  readonly #caches: () => [KvCache, KvCache];

  constructor(float: LlamaModel, quantized: LlamaModel, activations: Activations, signal?: AbortSignal) {
    const keep: OperatorHook = (operator, { data }) => {
      this.#outputs.set(operator, (data as Float32Array).slice());
    };
    const compare: OperatorHook = async (operator, { data }) => {
      const expected = this.#outputs.get(operator);
      if (expected) await similarity(this.#entire, operator).add(expected, data as Float32Array, signal);
    };
    this.#layers = float.config.layers;
    this.#floatPass = new Pass(float, 'float', signal, keep);
    this.#quantizedPass = new Pass(quantized, activations, signal, compare);
    this.#singlePass = new Pass(quantized, activations, signal);
    this.#signal = signal;
    this.#caches = () => [new KvCache(float.config), new KvCache(float.config)];
  }

  async window(tokens: Int32Array, layerDone: () => void): Promise<void> {
    const rows = tokens.length;
    const [floatCache, quantizedCache] = this.#caches();
    floatCache.reserve(rows);
    quantizedCache.reserve(rows);
    let x = await this.#floatPass.embed(tokens);
    let y = await this.#quantizedPass.embed(tokens);
    for (let layer = 0; layer < this.#layers; layer++) {
      this.#outputs.clear();
      const at = (cache: KvCache) => ({ keys: cache.keys(layer, 0, rows), values: cache.values(layer, 0, rows) });
      x = await this.#floatPass.layer(layer, x, rows, 0, at(floatCache));
      y = await this.#quantizedPass.layer(layer, y, rows, 0, at(quantizedCache));
      for (const name of LAYER_LINEARS)
        await this.#alone(`layers.${layer}.${name}`, `layers.${layer}.${INPUT_OF[name]}`, rows);
      throwIfCancelled(this.#signal);
      layerDone();
    }
    this.#outputs.clear();
    const h = await this.#floatPass.finalNorm(x, rows);
    const g = await this.#quantizedPass.finalNorm(y, rows);
    const { vocab } = this.#floatPass.config;
    await this.#floatPass.head(h, rows, this.#floatPass.room('logits', rows * vocab));
    await this.#quantizedPass.head(g, rows, this.#quantizedPass.room('logits', rows * vocab));
    await this.#alone('lm_head', 'norm', rows);
  }

  rows(): LayerError[] {
    return [...this.#entire].map(([operator, entire]) => {
      const single = this.#single.get(operator);
      return {
        operator,
        layer: operator.startsWith('layers.') ? Number(operator.split('.')[1]) : -1,
        entireCosine: entire.cosine,
        entireRelativeL2: entire.relativeL2,
        singleCosine: single?.cosine ?? null,
        singleRelativeL2: single?.relativeL2 ?? null,
      };
    });
  }

  async #alone(operator: string, inputName: string, rows: number): Promise<void> {
    const input = this.#outputs.get(inputName);
    const expected = this.#outputs.get(operator);
    if (!input || !expected) throw new RangeError(`${operator}: no float output was kept`);
    const out = this.#singlePass.room('single', expected.length);
    await this.#singlePass.alone(operator, input, rows, out);
    await similarity(this.#single, operator).add(expected, out, this.#signal);
  }
}

function similarity(of: Map<string, Similarity>, operator: string): Similarity {
  let found = of.get(operator);
  if (!found) {
    found = new Similarity();
    of.set(operator, found);
  }
  return found;
}
