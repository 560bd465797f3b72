// Knows one layer of GPTQ, true-sequential: q k v, then o on what the quantized q k v give, then gate and up, then down; the
// hidden states that leave the layer come from quantized weights. Refuses to know tokens, lm_head and results of other layers.
// Surprise: the gated MLP activations are kept only while they fit KEEP_BYTES, else computed a second time for the last step.
import { gram } from '@npulab/addon';
import { dequantizeLinear } from '../model/convert.js';
import type { LlamaModel, QuantizedLinear } from '../model/model.js';
import { Pass } from '../model/pass.js';
import { Weights } from '../model/weights.js';
import { breathe, throwIfCancelled } from '../pace.js';
import { factorHessian, gptqLinear } from './gptq.js';
import { linearErrors } from './linear-errors.js';
import { roundToNearest } from './scales.js';
import type { LinearStats, QuantizeProgress, ResolvedSettings } from './settings.js';

const KEEP_BYTES = 512 * 2 ** 20;

/** What a layer's quantization works with. */
export interface LayerWork {
  /** The float model. */
  readonly source: LlamaModel;
  /** The same model with the linears finished so far; sees each new one as soon as it is put into `linears`. */
  readonly partial: LlamaModel;
  readonly linears: Map<string, QuantizedLinear>;
  readonly settings: ResolvedSettings;
  /** True for linears that stay float. */
  readonly skipped: (operator: string) => boolean;
  readonly progress: (phase: QuantizeProgress['phase'], operator: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** Quantizes a layer. `hidden`: residual stream per window [windowTokens, hidden], not changed. Returns what leaves the layer. */
export async function gptqLayer(
  work: LayerWork,
  layer: number,
  hidden: readonly Float32Array[],
): Promise<{ hidden: Float32Array[]; stats: LinearStats[] }> {
  const { config } = work.source;
  const { windowTokens: rows } = work.settings;
  const { signal } = work;
  const pass = new Pass(work.partial, 'float', signal);
  const kvWidth = config.kvHeads * config.headDim;
  const cache = { keys: new Float32Array(rows * kvWidth), values: new Float32Array(rows * kvWidth) };
  const attentionWidth = config.heads * config.headDim;
  const stats: LinearStats[] = [];
  const stage = async (
    names: readonly string[],
    width: number,
    input: (window: number) => Promise<Float32Array>,
  ): Promise<void> => {
    const operators = names.map((name) => `layers.${layer}.${name}`).filter((operator) => !work.skipped(operator));
    const hessian = new Float32Array(width * width);
    work.progress('calibrate', operators[0] ?? `layers.${layer}.${names[0]}`);
    for (let window = 0; window < hidden.length; window++) {
      const x = await input(window);
      if (operators.length > 0) await gram(x, hessian, { rows, width }, { signal });
      throwIfCancelled(signal);
    }
    if (operators.length > 0) stats.push(...(await quantizeStage(work, layer, operators, width, hessian)));
    work.progress('propagate', '');
  };
  const at = (window: number): Float32Array => hidden[window] as Float32Array;

  await stage(['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'], config.hidden, (window) =>
    pass.attentionInput(layer, at(window), rows),
  );
  const attended = hidden.map(() => new Float32Array(rows * attentionWidth));
  await stage(['self_attn.o_proj'], attentionWidth, async (window) => {
    const a = attended[window] as Float32Array;
    a.set(await pass.attention(layer, await pass.attentionInput(layer, at(window), rows), rows, 0, cache));
    return a;
  });
  const next = attentionWidth === config.hidden ? attended : hidden.map(() => new Float32Array(rows * config.hidden));
  await stage(['mlp.gate_proj', 'mlp.up_proj'], config.hidden, async (window) => {
    const x = next[window] as Float32Array;
    x.set(await pass.attentionOutput(layer, at(window), attended[window] as Float32Array, rows));
    return pass.mlpInput(layer, x, rows);
  });
  const gatedOf = async (x: Float32Array): Promise<Float32Array> =>
    pass.gated(layer, await pass.mlpInput(layer, x, rows), rows);
  const keep = hidden.length * rows * config.intermediate * 4 <= KEEP_BYTES;
  const kept: Float32Array[] = [];
  await stage(['mlp.down_proj'], config.intermediate, async (window) => {
    const g = await gatedOf(next[window] as Float32Array);
    if (keep) kept.push(g.slice());
    return g;
  });
  for (const [window, x] of next.entries()) {
    x.set(await pass.mlpOutput(layer, x, kept[window] ?? (await gatedOf(x)), rows));
    throwIfCancelled(signal);
  }
  return { hidden: next, stats };
}

async function quantizeStage(
  work: LayerWork,
  layer: number,
  operators: readonly string[],
  width: number,
  hessian: Float32Array,
): Promise<LinearStats[]> {
  const { settings, signal } = work;
  const factored = await factorHessian(hessian, width, settings, signal);
  const weights = new Weights(work.source, signal);
  const stats: LinearStats[] = [];
  const breath = breathe(signal);
  for (const operator of operators) {
    if (breath.due()) await breath.take();
    work.progress('quantize', operator);
    const { rows } = weights.shape(operator);
    const w = await weights.float(operator);
    const linear = await gptqLinear(operator, w, rows, factored, settings, signal);
    work.linears.set(operator, linear);
    const rounded = new Float32Array(w.length);
    await dequantizeLinear(linear, rounded, signal);
    const errors = await linearErrors(w, rounded, linear, hessian, signal);
    stats.push({ operator, layer, method: 'gptq', bits: settings.bits, rows, width, ...errors });
    work.progress('quantize', '');
  }
  return stats;
}

/** Rounds one linear to nearest, with its statistics. */
export async function rtnLinear(
  source: LlamaModel,
  operator: string,
  layer: number,
  how: { bits: number; groupSize: number },
  signal?: AbortSignal,
): Promise<{ linear: QuantizedLinear; stats: LinearStats }> {
  const weights = new Weights(source, signal);
  const { rows, width } = weights.shape(operator);
  const w = await weights.float(operator);
  const { q, scales } = await roundToNearest(w, { rows, width, ...how }, signal);
  const linear = { operator, rows, width, ...how, q, scales };
  const rounded = new Float32Array(w.length);
  await dequantizeLinear(linear, rounded, signal);
  const errors = await linearErrors(w, rounded, { rows, width }, undefined, signal);
  return { linear, stats: { operator, layer, method: 'rtn', bits: how.bits, rows, width, ...errors } };
}
