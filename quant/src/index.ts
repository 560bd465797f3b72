// @npulab/quant: float reference, quantizers, metrics and model files for small Llamas.

export * from './api.js';
export { QUANT_ERRORS, QuantError, type QuantErrorCode } from './errors.js';
export { type Manifest, type ManifestFile, manifestBytes, manifestDigest } from './files/manifest.js';
export type { Evaluation, LayerError } from './metrics/results.js';
export { KvCache } from './model/cache.js';
export type { LlamaConfig } from './model/config.js';
export type { Activations, ForwardOptions, OperatorHook, OperatorOutput } from './model/forward-options.js';
export type { LlamaModel, QuantizedLinear, StoredTensor, WeightDtype } from './model/model.js';
export { type LinearShape, linearsOf } from './model/operators.js';
export type {
  LinearStats,
  QuantizeCheckpoint,
  QuantizedModel,
  QuantizeOptions,
  QuantizeProgress,
  QuantizeSettings,
  ResolvedSettings,
} from './quantize/settings.js';
export { type EncodeOptions, Tokenizer } from './tokenizer/tokenizer.js';
