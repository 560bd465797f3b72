// Knows every way this room refuses: one table from code to remedy, one error class.
// Refuses to know who shows the error. Surprise: a cancelled call rejects with `quant.cancelled`, not with the signal's reason
// (the reason is kept as `cause`), so that a cell can tell an interrupt from a failure by its code.

/** Every code thrown by @npulab/quant, with what the user can do about it. */
export const QUANT_ERRORS = {
  'model.not-found': 'Check the path; a model is a folder with config.json, or a llama2.c .bin file.',
  'model.not-a-model':
    'Give a folder that holds config.json, model.safetensors and tokenizer.model, or a llama2.c .bin file.',
  'model.damaged-config': 'Repair config.json; it must be the Hugging Face configuration of a Llama model.',
  'model.damaged-safetensors': 'Download or export the file again; it does not follow the safetensors format.',
  'model.damaged-llama2c': 'Export the checkpoint again with llama2.c (version 0, float32).',
  'model.damaged-tokenizer':
    'Use the SentencePiece tokenizer.model (or llama2.c tokenizer .bin) that belongs to this model.',
  'model.missing-tensor': 'Use the complete checkpoint of this model in one model.safetensors file.',
  'model.wrong-dtype':
    'Convert the tensor: weights may be F32, F16 or BF16, quantized weights I8 with F32, F16 or BF16 scales.',
  'model.wrong-shape': 'Use the config.json that belongs to this checkpoint.',
  'model.unsupported':
    'Use a Llama model without biases, RoPE scaling or other quantization formats than int8 per channel.',
  'model.closed': 'Open the model again with openModel; its file is no longer mapped.',
  'model.not-finite': 'Check the weights for values that are not finite; quantize again where they were.',
  'model.bad-tokens': "Use token ids of this model's tokenizer, at least one, and no more than the model's context.",
  'quant.bad-settings': 'Correct the named setting; the documentation of QuantizeSettings lists what is allowed.',
  'quant.calibration-short': 'Give a longer calibration text: GPTQ needs at least one full token window.',
  'quant.text-short': 'Give a longer text: at least one token must be predicted.',
  'quant.already-quantized': 'Quantize the float model it came from.',
  'quant.not-int8': 'Quantize with bits: 8 and groupSize: -1 first; the board computes with int8 weights per channel.',
  'quant.save-bits': 'Quantize with bits: 8 and groupSize: -1 to save; no other width can be saved.',
  'quant.save-onto-source': 'Save into another folder; the float model would be lost.',
  'quant.models-differ': 'Compare models with the same shape and vocabulary.',
  'quant.checkpoint-differs':
    'Start with an empty checkpoint, or use the model, settings and calibration it was made with.',
  'quant.cancelled': 'Run the call again; give the same checkpoint object to go on from the last finished layer.',
} as const;

/** A code of {@link QUANT_ERRORS}. */
export type QuantErrorCode = keyof typeof QUANT_ERRORS;

/** The one error class of @npulab/quant. `message` says what was found, `remedy` what to do. */
export class QuantError extends Error {
  override readonly name = 'QuantError';
  /** Stable code, `area.kebab`. */
  readonly code: QuantErrorCode;
  /** What the user can do about it. */
  readonly remedy: string;

  /**
   * @param code a code of {@link QUANT_ERRORS}
   * @param message what was found, with the names and numbers at hand
   * @param cause the error underneath, where there is one
   */
  constructor(code: QuantErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.remedy = QUANT_ERRORS[code];
  }
}
