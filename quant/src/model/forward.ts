// Knows a whole forward pass: tokens in, logits out, keys and values appended to a cache.
// Refuses to know sampling and text. Surprise: a failed or cancelled pass leaves the cache's length as it was.
import { QuantError } from '../errors.js';
import { cancellable } from '../pace.js';
import { KvCache } from './cache.js';
import type { ForwardOptions } from './forward-options.js';
import type { LlamaModel } from './model.js';
import { Pass } from './pass.js';

/**
 * Runs tokens through a model. Returns logits [tokens, vocab] (or [1, vocab] for `logits: 'last'`), row-major, owned by the caller.
 * Memory: a few arrays of tokens × intermediate and tokens × vocab, plus weights (see Weights).
 * Errors: `model.bad-tokens`, `model.closed`, `quant.not-int8`, `quant.cancelled`.
 */
export async function forward(
  model: LlamaModel,
  tokens: ArrayLike<number>,
  options: ForwardOptions = {},
): Promise<Float32Array> {
  return cancellable(options.signal, async () => {
    const pass = new Pass(model, options.activations ?? 'float', options.signal, options.hooks);
    return logitsOf(pass, model, tokens, options.cache ?? new KvCache(model.config), options.logits ?? 'all');
  });
}

/** {@link forward} on a pass that may be used again: its scratch is kept from token to token. */
export async function logitsOf(
  pass: Pass,
  model: LlamaModel,
  tokens: ArrayLike<number>,
  cache: KvCache,
  which: 'all' | 'last',
): Promise<Float32Array> {
  const h = await hiddenStates(pass, model, tokens, cache);
  const { hidden, vocab } = model.config;
  const rows = which === 'last' ? 1 : tokens.length;
  const logits = new Float32Array(rows * vocab);
  await pass.head(h.subarray((tokens.length - rows) * hidden), rows, logits);
  return logits;
}

/** Everything before lm_head: the normed residual stream [tokens, hidden], scratch of the pass. Appends to the cache. */
export async function hiddenStates(
  pass: Pass,
  model: LlamaModel,
  tokens: ArrayLike<number>,
  cache: KvCache,
): Promise<Float32Array> {
  checkTokens(model, tokens);
  const rows = tokens.length;
  const position = cache.length;
  cache.reserve(rows);
  let x = await pass.embed(tokens);
  for (let layer = 0; layer < model.config.layers; layer++) {
    const keys = cache.keys(layer, 0, position + rows);
    const values = cache.values(layer, 0, position + rows);
    x = await pass.layer(layer, x, rows, position, { keys, values });
  }
  const h = await pass.finalNorm(x, rows);
  cache.length = position + rows;
  return h;
}

/** Errors: `model.bad-tokens` for none, or an id outside the vocabulary. */
export function checkTokens(model: LlamaModel, tokens: ArrayLike<number>): void {
  if (tokens.length === 0) throw new QuantError('model.bad-tokens', 'no tokens');
  for (let i = 0; i < tokens.length; i++) {
    const id = tokens[i] as number;
    if (!Number.isInteger(id) || id < 0 || id >= model.config.vocab) {
      throw new QuantError('model.bad-tokens', `token ${id} at ${i}; the vocabulary has ${model.config.vocab}`);
    }
  }
}
