// Knows the shape of a Llama and the keys of Hugging Face's config.json.
// Refuses to know where the file lies. Surprise: an unknown key is ignored, a known key with an unsupported value is refused.
import { QuantError } from '../errors.js';

/** The shape of a Llama model; names follow our code, comments give the key of config.json. */
export interface LlamaConfig {
  /** Width of the residual stream (`hidden_size`). */
  readonly hidden: number;
  /** Width of the gated MLP (`intermediate_size`). */
  readonly intermediate: number;
  /** Number of decoder layers (`num_hidden_layers`). */
  readonly layers: number;
  /** Query heads (`num_attention_heads`). */
  readonly heads: number;
  /** Key and value heads (`num_key_value_heads`); divides `heads`. */
  readonly kvHeads: number;
  /** Width of one head (`head_dim`, else hidden / heads); even. */
  readonly headDim: number;
  /** Vocabulary size (`vocab_size`). */
  readonly vocab: number;
  /** Longest context in tokens (`max_position_embeddings`). */
  readonly context: number;
  /** RMSNorm epsilon (`rms_norm_eps`). */
  readonly normEpsilon: number;
  /** RoPE base (`rope_theta`). */
  readonly ropeTheta: number;
  /** True where lm_head is the embedding (`tie_word_embeddings`). */
  readonly tiedHead: boolean;
  /** Token that begins a text (`bos_token_id`). */
  readonly bosToken: number;
  /** Tokens that end a text (`eos_token_id`, a number or a list). */
  readonly eosTokens: readonly number[];
}

type Json = Record<string, unknown>;

const bad = (message: string): QuantError => new QuantError('model.damaged-config', `config.json: ${message}`);
const unsupported = (message: string): QuantError => new QuantError('model.unsupported', `config.json: ${message}`);

function integer(json: Json, key: string, fallback?: number): number {
  const value = json[key] ?? fallback;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 2 ** 31 - 1) {
    throw bad(`${key} must be a positive integer, found ${JSON.stringify(json[key]) ?? 'nothing'}`);
  }
  return value;
}

function positive(json: Json, key: string, fallback: number): number {
  const value = json[key] ?? fallback;
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw bad(`${key} must be a positive number, found ${JSON.stringify(value)}`);
  }
  return value;
}

function tokenIds(json: Json, key: string, fallback: number, vocab: number): number[] {
  const value = json[key] ?? fallback;
  const list = Array.isArray(value) ? value : [value];
  for (const id of list) {
    if (!Number.isInteger(id) || id < 0 || id >= vocab)
      throw bad(`${key} holds ${JSON.stringify(id)}, vocab_size is ${vocab}`);
  }
  return list as number[];
}

/** Reads the parsed config.json. Errors: `model.damaged-config`, `model.unsupported`. */
export function parseConfig(json: unknown): LlamaConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw bad('not a JSON object');
  const j = json as Json;
  if (j.model_type !== undefined && j.model_type !== 'llama')
    throw unsupported(`model_type is ${JSON.stringify(j.model_type)}`);
  if (j.hidden_act !== undefined && j.hidden_act !== 'silu')
    throw unsupported(`hidden_act is ${JSON.stringify(j.hidden_act)}`);
  for (const key of ['attention_bias', 'mlp_bias']) if (j[key] === true) throw unsupported(`${key} is true`);
  if (j.rope_scaling !== undefined && j.rope_scaling !== null) throw unsupported('rope_scaling is set');
  const hidden = integer(j, 'hidden_size');
  const heads = integer(j, 'num_attention_heads');
  const kvHeads = integer(j, 'num_key_value_heads', heads);
  if (j.head_dim == null && hidden % heads !== 0)
    throw bad(`hidden_size ${hidden} is not a multiple of num_attention_heads ${heads}`);
  const headDim = integer(j, 'head_dim', hidden / heads);
  if (heads % kvHeads !== 0)
    throw bad(`num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}`);
  if (headDim % 2 !== 0) throw bad(`head_dim ${headDim} is odd`);
  const vocab = integer(j, 'vocab_size');
  return {
    hidden,
    intermediate: integer(j, 'intermediate_size'),
    layers: integer(j, 'num_hidden_layers'),
    heads,
    kvHeads,
    headDim,
    vocab,
    context: integer(j, 'max_position_embeddings', 2048),
    normEpsilon: positive(j, 'rms_norm_eps', 1e-6),
    ropeTheta: positive(j, 'rope_theta', 10000),
    tiedHead: j.tie_word_embeddings === true,
    bosToken: tokenIds(j, 'bos_token_id', 1, vocab)[0] ?? 1,
    eosTokens: tokenIds(j, 'eos_token_id', 2, vocab),
  };
}

/** The config.json of a shape, with Hugging Face's keys in a fixed order. */
export function configToJson(config: LlamaConfig): Json {
  return {
    architectures: ['LlamaForCausalLM'],
    bos_token_id: config.bosToken,
    eos_token_id: config.eosTokens.length === 1 ? config.eosTokens[0] : [...config.eosTokens],
    head_dim: config.headDim,
    hidden_act: 'silu',
    hidden_size: config.hidden,
    intermediate_size: config.intermediate,
    max_position_embeddings: config.context,
    model_type: 'llama',
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.kvHeads,
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tiedHead,
    vocab_size: config.vocab,
  };
}
