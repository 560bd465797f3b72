// Knows the whole run of a quantizer: settings, calibration, layers in order, lm_head, the resulting model.
// Refuses to know the mathematics of a layer. Surprise: memory is bounded by one layer. Peak above the mapped weights, for
// GPTQ: finished int8 weights + calibration tokens × (2 hidden + intermediate, at most 512 MiB) × 4 B + two Hessians and three
// f32 copies of the largest linear: about 2.7 GB for TinyLlama with 32 × 512 tokens.
import type { LlamaModel } from '../model/model.js';
import { linearsOf } from '../model/operators.js';
import { Pass } from '../model/pass.js';
import type { TextInput } from '../model/windows.js';
import { breathe, cancellable } from '../pace.js';
import { type Calibration, calibrationOf } from './calibration.js';
import { Checkpoint } from './checkpoint.js';
import { gptqLayer, type LayerWork, rtnLinear } from './gptq-layer.js';
import { partialModel, QuantizedLlama } from './quantized-model.js';
import { isSkipped, resolveSettings } from './resolve.js';
import type {
  QuantizedModel,
  QuantizeOptions,
  QuantizeProgress,
  QuantizeSettings,
  ResolvedSettings,
} from './settings.js';

/** lm_head is always rounded to nearest with these. */
const HEAD = { bits: 8, groupSize: -1 };

/**
 * Quantizes every linear of a float model that `skip` does not name; norms and embedding stay float. lm_head always becomes 8-bit
 * RTN. The source must stay open as long as the result is used.
 * Errors: `quant.bad-settings`, `quant.already-quantized`, `quant.calibration-short`, `quant.checkpoint-differs`,
 * `quant.cancelled`, `model.bad-tokens`.
 */
export async function quantize(
  model: LlamaModel,
  settings: QuantizeSettings,
  options: QuantizeOptions = {},
): Promise<QuantizedModel> {
  const resolved = resolveSettings(model, settings);
  return cancellable(options.signal, () => new Run(model, resolved, options).result(settings.calibration));
}

class Run {
  readonly #model: LlamaModel;
  readonly #settings: ResolvedSettings;
  readonly #options: QuantizeOptions;
  readonly #checkpoint: Checkpoint;
  readonly #total: number;
  #layer = -1;
  #done = 0;

  constructor(model: LlamaModel, settings: ResolvedSettings, options: QuantizeOptions) {
    this.#model = model;
    this.#settings = settings;
    this.#options = options;
    this.#checkpoint = options.checkpoint instanceof Checkpoint ? options.checkpoint : new Checkpoint();
    this.#total = linearsOf(model.config).filter(({ operator }) => !this.#skipped(operator)).length;
  }

  async result(text: TextInput | undefined): Promise<QuantizedModel> {
    const { signal } = this.#options;
    let calibration: Calibration | undefined;
    if (this.#settings.method === 'gptq') {
      this.#progress('tokenize', '');
      calibration = await calibrationOf(this.#model, text, this.#settings, signal);
    }
    this.#checkpoint.bind(
      JSON.stringify([this.#model.folder ?? this.#model.name, this.#model.config, this.#settings, calibration?.digest]),
    );
    this.#done = this.#checkpoint.linears.size;
    if (calibration) await this.#gptqLayers(calibration);
    else await this.#rtnLayers();
    const linears = new Map(this.#checkpoint.linears);
    const stats = [...this.#checkpoint.stats];
    this.#layer = -1;
    if (!this.#skipped('lm_head')) {
      this.#progress('quantize', 'lm_head');
      const head = await rtnLinear(this.#model, 'lm_head', -1, HEAD, signal);
      linears.set('lm_head', head.linear);
      stats.push(head.stats);
      this.#done++;
    }
    this.#progress('done', '');
    return new QuantizedLlama(this.#model, this.#settings, linears, stats, calibration);
  }

  async #rtnLayers(): Promise<void> {
    const { bits, groupSize } = this.#settings;
    const breath = breathe(this.#options.signal);
    for (let layer = this.#checkpoint.layersDone; layer < this.#model.config.layers; layer++) {
      this.#layer = layer;
      const rounded = [];
      for (const { operator } of linearsOf(this.#model.config).filter((linear) => linear.layer === layer)) {
        if (this.#skipped(operator)) continue;
        this.#progress('quantize', operator);
        rounded.push(await rtnLinear(this.#model, operator, layer, { bits, groupSize }, this.#options.signal));
        this.#done++;
        if (breath.due()) await breath.take();
      }
      this.#checkpoint.finish(
        rounded.map(({ linear }) => linear),
        rounded.map(({ stats }) => stats),
        undefined,
      );
    }
  }

  async #gptqLayers(calibration: Calibration): Promise<void> {
    const linears = new Map(this.#checkpoint.linears);
    const work: LayerWork = {
      source: this.#model,
      partial: partialModel(this.#model, linears),
      linears,
      settings: this.#settings,
      skipped: (operator) => this.#skipped(operator),
      progress: (phase, operator) => {
        if (phase === 'quantize' && operator === '') this.#done++;
        else this.#progress(phase, operator);
      },
      signal: this.#options.signal,
    };
    let hidden = this.#checkpoint.hidden ?? (await this.#embed(calibration));
    for (let layer = this.#checkpoint.layersDone; layer < this.#model.config.layers; layer++) {
      this.#layer = layer;
      const before = linears.size;
      const finished = await gptqLayer(work, layer, hidden);
      hidden = finished.hidden;
      this.#checkpoint.finish([...linears.values()].slice(before), finished.stats, hidden);
    }
  }

  async #embed({ windows }: Calibration): Promise<Float32Array[]> {
    const pass = new Pass(this.#model, 'float', this.#options.signal);
    const hidden: Float32Array[] = [];
    for (const window of windows) hidden.push((await pass.embed(window)).slice());
    return hidden;
  }

  #skipped(operator: string): boolean {
    return isSkipped({ operator }, this.#settings.skip);
  }

  #progress(phase: QuantizeProgress['phase'], operator: string): void {
    this.#options.onProgress?.({ phase, layer: this.#layer, operator, done: this.#done, total: this.#total });
  }
}
