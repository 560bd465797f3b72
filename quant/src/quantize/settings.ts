// Knows what a quantizer is told and what it gives back. Refuses to know how it works.
// Surprise: lm_head is always quantized to 8 bits by rounding, whatever the method, unless skipped; the embedding stays float.
import type { LlamaModel } from '../model/model.js';
import type { TextInput } from '../model/windows.js';

/** Settings of {@link quantize}. */
export interface QuantizeSettings {
  /** `rtn`: round to nearest, no data needed. `gptq`: column by column with Hessian error feedback. */
  method: 'rtn' | 'gptq';
  /** Bits per weight, 2 to 8. Default 8. */
  bits?: number;
  /** Input columns per scale; −1 (default): one scale per output channel. Must divide every input width. */
  groupSize?: number;
  /** Text, documents or token ids to calibrate on. Needed by gptq, ignored by rtn. */
  calibration?: TextInput;
  /** Tokens per calibration window, BOS included. Default 512, at most the model's context. */
  windowTokens?: number;
  /** At most this many windows are used. Default 32 (16 384 tokens). */
  maxWindows?: number;
  /** Damping added to the Hessian's diagonal, as a fraction of its mean. Default 0.01. */
  dampFraction?: number;
  /** Quantize columns by decreasing Hessian diagonal, groups staying where they are. Default true. */
  actOrder?: boolean;
  /** Columns per lazy-update block. Default 128. */
  blockSize?: number;
  /** Operators left in float: exact names, or endings such as `down_proj` or `lm_head`. Default none. */
  skip?: readonly string[];
}

/** Settings with every default filled in, as recorded in a report. */
export interface ResolvedSettings {
  readonly method: 'rtn' | 'gptq';
  readonly bits: number;
  readonly groupSize: number;
  readonly windowTokens: number;
  readonly maxWindows: number;
  readonly dampFraction: number;
  readonly actOrder: boolean;
  readonly blockSize: number;
  readonly skip: readonly string[];
}

/** One step of progress. `done` counts finished linears of `total`. */
export interface QuantizeProgress {
  /** What happens now. */
  readonly phase: 'tokenize' | 'calibrate' | 'quantize' | 'propagate' | 'done';
  /** Decoder layer; −1 for lm_head and for phases outside a layer. */
  readonly layer: number;
  /** Operator at work, or '' . */
  readonly operator: string;
  /** Linears finished. */
  readonly done: number;
  /** Linears in all. */
  readonly total: number;
}

/** What quantizing did to one linear. */
export interface LinearStats {
  readonly operator: string;
  /** Decoder layer; −1 for lm_head. */
  readonly layer: number;
  /** Method that was used: lm_head is always `rtn`. */
  readonly method: 'rtn' | 'gptq';
  readonly bits: number;
  readonly rows: number;
  readonly width: number;
  /** ‖Ŵ − W‖ / ‖W‖ (Frobenius). */
  readonly weightError: number;
  /** ‖X(Ŵ − W)ᵀ‖ / ‖XWᵀ‖ over the calibration inputs X; null without calibration. */
  readonly outputError: number | null;
}

/** Results by layer, kept by the caller: give the same object again to go on after a cancel. Its content is private. */
export interface QuantizeCheckpoint {
  /** Layers finished so far. */
  readonly layersDone: number;
}

/** Options of {@link quantize}. */
export interface QuantizeOptions {
  /** Called at every step; must not throw. */
  onProgress?: (progress: QuantizeProgress) => void;
  /** Cancels within 200 ms with `quant.cancelled`. */
  signal?: AbortSignal;
  /** From {@link createCheckpoint}; finished layers are kept in it and skipped next time. */
  checkpoint?: QuantizeCheckpoint;
}

/** A model whose linears are integers. Shares the float tensors of its source: close it before the source. */
export interface QuantizedModel extends LlamaModel {
  /** The model it was made from. */
  readonly source: LlamaModel;
  /** Settings, defaults filled in. */
  readonly settings: ResolvedSettings;
  /** sha256 (hex) of the calibration token ids (i32 little-endian), null without calibration. */
  readonly calibrationDigest: string | null;
  /** Tokens of calibration used, BOS of every window included; 0 without. */
  readonly calibrationTokens: number;
  /** One row per quantized linear, in forward order. */
  readonly stats: readonly LinearStats[];
}
