// @npulab/quant: float reference, quantizers, metrics and model files for small Llamas.

export { QUANT_ERRORS, QuantError, type QuantErrorCode } from './errors.js';
export { type Manifest, type ManifestFile, manifestBytes, modelDigest } from './files/manifest.js';
export { type OpenOptions, openModel } from './files/open.js';
export { type SavedModel, type SaveOptions, save } from './files/save.js';
export { type EvaluateOptions, evaluate } from './metrics/evaluate.js';
export { type LayerErrorOptions, layerErrors } from './metrics/layer-errors.js';
export type { Evaluation, LayerError } from './metrics/results.js';
export { KvCache } from './model/cache.js';
export type { LlamaConfig } from './model/config.js';
export { forward } from './model/forward.js';
export type { Activations, ForwardOptions, OperatorHook, OperatorOutput } from './model/forward-options.js';
export { type GeneratedToken, type GenerateOptions, generate } from './model/generate.js';
export type { LlamaModel, QuantizedLinear, StoredTensor, WeightDtype } from './model/model.js';
export { type LinearShape, linearsOf } from './model/operators.js';
export type { TextInput } from './model/windows.js';
export { createCheckpoint } from './quantize/checkpoint.js';
export { quantize } from './quantize/quantize.js';
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
