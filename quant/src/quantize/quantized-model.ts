// Knows a quantized model in memory: integer linears of its own, everything else from its source.
// Refuses to know how the integers came about. Surprise: a tied lm_head is quantized as a matrix of its own; the embedding
// it was tied to stays float.
import { manifestOfFiles } from '../files/model-files.js';
import { HeldModel } from '../model/llama-model.js';
import type { LlamaModel, QuantizedLinear, StoredTensor } from '../model/model.js';
import { weightName } from '../model/operators.js';
import type { Calibration } from './calibration.js';
import type { LinearStats, QuantizedModel, ResolvedSettings } from './settings.js';

/** See {@link QuantizedModel}. */
export class QuantizedLlama extends HeldModel implements QuantizedModel {
  readonly source: LlamaModel;
  readonly settings: ResolvedSettings;
  readonly calibrationDigest: string | null;
  readonly calibrationTokens: number;
  readonly stats: readonly LinearStats[];

  constructor(
    source: LlamaModel,
    settings: ResolvedSettings,
    linears: ReadonlyMap<string, QuantizedLinear>,
    stats: readonly LinearStats[],
    calibration: Calibration | undefined,
  ) {
    super({
      name: `${source.name}-${settings.method}${settings.bits}`,
      folder: null,
      config: source.config,
      tokenizer: source.tokenizer,
      tensors: floatTensors(source, linears),
      quantized: linears,
      manifest: manifestOfFiles,
      release: () => {},
    });
    this.source = source;
    this.settings = settings;
    this.calibrationDigest = calibration?.digest ?? null;
    this.calibrationTokens = calibration?.tokens ?? 0;
    this.stats = stats;
  }

  /** As LlamaModel says; also `model.closed` where the source is closed. */
  override tensor(name: string): StoredTensor {
    super.tensor(name);
    return this.source.tensor(name);
  }
}

/** The source seen through linears that are still being added; for propagation only. */
export function partialModel(source: LlamaModel, linears: ReadonlyMap<string, QuantizedLinear>): LlamaModel {
  return new HeldModel({
    ...{ name: source.name, folder: null, config: source.config, tokenizer: source.tokenizer, quantized: linears },
    tensors: floatTensors(source, new Map()),
    manifest: manifestOfFiles,
    release: () => {},
  });
}

function floatTensors(source: LlamaModel, linears: ReadonlyMap<string, QuantizedLinear>): Map<string, StoredTensor> {
  const replaced = new Set([...linears.keys()].map(weightName));
  return new Map(source.tensorNames.filter((name) => !replaced.has(name)).map((name) => [name, source.tensor(name)]));
}
