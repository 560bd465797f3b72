// Knows when two models may be compared token by token.
import { QuantError } from '../errors.js';
import type { LlamaModel } from '../model/model.js';

/** Errors: `quant.models-differ`, naming the first difference in shape. */
export function checkComparable(a: LlamaModel, b: LlamaModel): void {
  for (const key of ['hidden', 'intermediate', 'layers', 'heads', 'kvHeads', 'headDim', 'vocab', 'bosToken'] as const) {
    if (a.config[key] !== b.config[key]) {
      throw new QuantError(
        'quant.models-differ',
        `${a.name} has ${key} ${a.config[key]}, ${b.name} has ${b.config[key]}`,
      );
    }
  }
}
