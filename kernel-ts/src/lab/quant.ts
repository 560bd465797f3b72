/** Quantization from a cell: progress in place, cancelled by the cell's interrupt, results as tables. */

import { resolve } from 'node:path';
import type {
  Evaluation,
  GenerateOptions,
  LayerError,
  LlamaModel,
  QuantizedModel,
  QuantizeSettings,
  SavedModel,
  TextInput,
} from '@npulab/quant';
import { type Displayable, jupyterDisplay } from '../display/index.js';
import type { LabContext, WaitOptions } from './context.js';
import { evaluationFace, quantizedFace, savedFace } from './faces.js';
import type { Ledger } from './ledger.js';
import { type Menu, menuBundle } from './menus.js';

/** Settings of a quantizer without its name; see QuantizeSettings of @npulab/quant for every field and default. */
export type QuantSettings = Omit<QuantizeSettings, 'method'> & Pick<WaitOptions, 'signal'>;

const menu: Menu<LabQuant> = {
  rtn: 'const q = await lab.quant.rtn(model, { bits: 8 })',
  gptq: "const q = await lab.quant.gptq(model, { bits: 8, calibration: lab.corpus('calibration') })",
  evaluate: "await lab.quant.evaluate(q, lab.corpus('evaluation'), { reference: model })",
  layerErrors: "await lab.quant.layerErrors(model, q, lab.corpus('evaluation').slice(0, 3))",
  save: "await lab.quant.save(q, 'out/model-int8')",
  generate: "await lab.quant.generate(model, 'One morning', { maxTokens: 32 })",
};

export class LabQuant implements Displayable {
  readonly #context: LabContext;
  readonly #ledger: Ledger;

  constructor(context: LabContext, ledger: Ledger) {
    this.#context = context;
    this.#ledger = ledger;
  }

  /** Rounds every linear to nearest: no data needed, seconds even for large models. Default 8 bits, per channel. */
  rtn(model: LlamaModel, settings: QuantSettings = {}): Promise<QuantizedModel> {
    return this.#run(model, { method: 'rtn', ...settings });
  }

  /**
   * GPTQ: rounds column by column and corrects the rest with the inverse Hessian of the calibration inputs.
   *
   * @example const q = await lab.quant.gptq(model, { bits: 8, calibration: lab.corpus('calibration') });
   */
  gptq(model: LlamaModel, settings: QuantSettings): Promise<QuantizedModel> {
    return this.#run(model, { method: 'gptq', ...settings });
  }

  /** Token perplexity of `text`; with `reference` also KL and top-1 agreement per token. */
  async evaluate(
    model: LlamaModel,
    text: TextInput,
    options: {
      reference?: LlamaModel;
      activations?: 'float' | 'int8';
      windowTokens?: number;
      maxWindows?: number;
      signal?: AbortSignal;
    } = {},
  ): Promise<Evaluation> {
    const bar = this.#context.progress(`evaluate ${model.name}`, 0, 'windows');
    const { evaluate } = await import('@npulab/quant');
    const work = (onProgress: (done: number, total: number) => void): Promise<Evaluation> =>
      evaluate(model, text, { signal: this.#context.signal, ...options, onProgress });
    return evaluationFace(await this.#watched(bar, work));
  }

  /** Error of every operator against the float model: with all errors before it ("entire") and alone ("single"). */
  async layerErrors(
    float: LlamaModel,
    quantized: LlamaModel,
    text: TextInput,
    options: { windowTokens?: number; activations?: 'float' | 'int8'; signal?: AbortSignal } = {},
  ): Promise<LayerError[]> {
    const bar = this.#context.progress(`layer errors of ${quantized.name}`, 0, 'operators');
    const { layerErrors } = await import('@npulab/quant');
    return this.#watched(bar, (onProgress) =>
      layerErrors(float, quantized, text, { signal: this.#context.signal, ...options, onProgress }),
    );
  }

  /** Writes an 8-bit model as a compressed-tensors folder that `lab.models.open` and the board read. */
  async save(model: LlamaModel, folder: string, options: WaitOptions = {}): Promise<SavedModel> {
    const { save } = await import('@npulab/quant');
    const bar = this.#context.progress(`save ${model.name}`, 0, 'bytes');
    const signal = options.signal ?? this.#context.signal;
    const work = (onProgress: (done: number, total: number) => void): Promise<SavedModel> =>
      save(model, resolve(this.#context.folder, folder), { signal, onProgress });
    return savedFace(await this.#watched(bar, work), folder);
  }

  /** Text generated on the host, as one string; `generate` of @npulab/quant gives it token by token. */
  async generate(
    model: LlamaModel,
    prompt: string,
    options: Omit<GenerateOptions, 'signal'> & WaitOptions,
  ): Promise<string> {
    const { temperature = 0, topP = 1, seed = 0 } = options;
    this.#ledger.add('sampling', { temperature, topP, seed: Number(seed) });
    const { generate } = await import('@npulab/quant');
    let text = prompt;
    for await (const piece of generate(model, prompt, { signal: this.#context.signal, ...options })) text += piece.text;
    return text;
  }

  [jupyterDisplay]() {
    return menuBundle('Quantizers and metrics', menu);
  }

  async #run(
    model: LlamaModel,
    { signal, ...settings }: Pick<QuantizeSettings, 'method'> & QuantSettings,
  ): Promise<QuantizedModel> {
    const bar = this.#context.progress(`${settings.method} ${settings.bits ?? 8}-bit`, 0, 'linears');
    const { quantize } = await import('@npulab/quant');
    const quantized = await this.#watched(bar, (onProgress) =>
      quantize(model, settings, {
        signal: signal ?? this.#context.signal,
        onProgress: ({ done, total, operator, phase }) =>
          onProgress(done, total, operator === '' ? phase : `${phase} ${operator}`),
      }),
    );
    this.#ledger.add('quantizations', {
      model: model.name,
      settings: { ...quantized.settings },
      calibrationDigest: quantized.calibrationDigest,
      calibrationTokens: quantized.calibrationTokens,
    });
    return quantizedFace(quantized);
  }

  async #watched<Result>(
    bar: ReturnType<LabContext['progress']>,
    work: (onProgress: (done: number, total: number, note?: string) => void) => Promise<Result>,
  ): Promise<Result> {
    try {
      const result = await work((done, total, note = '') => bar.update(done, note, total));
      bar.done();
      return result;
    } catch (error) {
      bar.fail(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }
}
