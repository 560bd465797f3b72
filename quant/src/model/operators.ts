// Knows the operators of a forward pass: their names (shared with the board's tinyllama crate) and the shapes of the linears.
// Refuses to know weights. Surprise: an operator is named without `model.` and `.weight`, a tensor on disk with them.
import type { LlamaConfig } from './config.js';

/** The seven linears of a layer, in the order a forward pass meets them. */
export const LAYER_LINEARS = [
  'self_attn.q_proj',
  'self_attn.k_proj',
  'self_attn.v_proj',
  'self_attn.o_proj',
  'mlp.gate_proj',
  'mlp.up_proj',
  'mlp.down_proj',
] as const;

/** A linear by operator name, with its weight's shape [rows, width] = [out, in]. */
export interface LinearShape {
  /** For example `layers.3.mlp.down_proj` or `lm_head`. */
  readonly operator: string;
  /** Decoder layer; −1 for lm_head. */
  readonly layer: number;
  /** Output width. */
  readonly rows: number;
  /** Input width. */
  readonly width: number;
}

/** All linears of a model in forward order, lm_head last. */
export function linearsOf(config: LlamaConfig): LinearShape[] {
  const { hidden, intermediate } = config;
  const queryWidth = config.heads * config.headDim;
  const kvWidth = config.kvHeads * config.headDim;
  const shapes: Record<(typeof LAYER_LINEARS)[number], readonly [number, number]> = {
    'self_attn.q_proj': [queryWidth, hidden],
    'self_attn.k_proj': [kvWidth, hidden],
    'self_attn.v_proj': [kvWidth, hidden],
    'self_attn.o_proj': [hidden, queryWidth],
    'mlp.gate_proj': [intermediate, hidden],
    'mlp.up_proj': [intermediate, hidden],
    'mlp.down_proj': [hidden, intermediate],
  };
  const all: LinearShape[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    for (const name of LAYER_LINEARS) {
      const [rows, width] = shapes[name];
      all.push({ operator: `layers.${layer}.${name}`, layer, rows, width });
    }
  }
  all.push({ operator: 'lm_head', layer: -1, rows: config.vocab, width: hidden });
  return all;
}

/** Name of the weight on disk: `layers.0.mlp.up_proj` → `model.layers.0.mlp.up_proj.weight`; `lm_head` → `lm_head.weight`. */
export function weightName(operator: string): string {
  return operator === 'lm_head' ? 'lm_head.weight' : `model.${operator}.weight`;
}
