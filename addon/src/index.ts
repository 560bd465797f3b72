// @npulab/addon: the compute kernels (npu-kernels) for TypeScript, and files as memory.
//
// Matrices are row-major typed arrays over ArrayBuffer or SharedArrayBuffer, checked against the shapes given; results go
// into the caller's arrays, which must be left alone until the promise settles. Calls run on the addon's own threads (small
// ones at once) and take { signal }. f32 results have the same bytes on every processor and any number of threads.
export type { CallOptions } from './call.js';
export { AddonError, type AddonErrorCode, addonErrors } from './errors.js';
export { bf16ToF32, dequantize, f16ToF32, f32ToBf16, f32ToF16, quantizeRowsInt8 } from './formats.js';
export { type FactorOptions, gptqFactor, gptqQuantize, type RoundingSettings } from './gptq.js';
export { argmaxRows, klRows, nllRows } from './losses.js';
export { type MappedFile, mapFile } from './mapping.js';
export {
  type AttentionShape,
  add,
  attention,
  type NormShape,
  type RopeShape,
  rmsNorm,
  rope,
  siluMul,
  softmaxRows,
} from './operators.js';
export { gram, matmulF32, matmulInt8, type ProductShape, type RowShape } from './products.js';
export { forceIsa, type Kernels, kernels, setThreads } from './settings.js';
