// Knows how a text goes on: prefill, then one token per pass from the cache.
// Refuses to know chat templates. Surprise: a string prompt begins with BOS, token ids are taken as they are.
import { QuantError } from '../errors.js';
import { cancellable } from '../pace.js';
import { KvCache } from './cache.js';
import { logitsOf } from './forward.js';
import type { Activations } from './forward-options.js';
import type { LlamaModel } from './model.js';
import { Pass } from './pass.js';
import { pickToken, sampling } from './sampler.js';

/** Options of {@link generate}. */
export interface GenerateOptions {
  /** Tokens at most; fewer where a stop token comes or the context is full. */
  maxTokens: number;
  /** 0 (default): greedy. */
  temperature?: number;
  /** Nucleus, over 0 up to 1 (default): whole vocabulary. */
  topP?: number;
  /** Seed of the sampler. Default 0. */
  seed?: number | bigint;
  /** Default: the model's EOS tokens. The stop token is yielded last. */
  stopTokens?: readonly number[];
  /** Default `float`; `int8` is the board's arithmetic. */
  activations?: Activations;
  /** Cancels within 200 ms with `quant.cancelled`. */
  signal?: AbortSignal;
}

/** One generated token. */
export interface GeneratedToken {
  /** Its id. */
  readonly token: number;
  /** Text it completes; '' while a character's bytes are incomplete and for control tokens. */
  readonly text: string;
}

/**
 * Continues a prompt token by token; leaving the loop stops the work.
 * Errors: `quant.bad-settings`, `model.bad-tokens`, `model.not-finite`, `quant.cancelled`.
 */
export async function* generate(
  model: LlamaModel,
  prompt: string | ArrayLike<number>,
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const { signal, activations = 'float', stopTokens = model.config.eosTokens } = options;
  const how = sampling(options);
  if (!Number.isInteger(options.maxTokens) || options.maxTokens < 0)
    throw new QuantError(
      'quant.bad-settings',
      `maxTokens is ${options.maxTokens}; it must be a whole number, at least 0`,
    );
  const cache = new KvCache(model.config);
  const pass = new Pass(model, activations, signal);
  const text = model.tokenizer.decoder();
  let tokens: ArrayLike<number> =
    typeof prompt === 'string'
      ? await model.tokenizer.encodeLong(prompt, { bos: true, ...(signal && { signal }) })
      : prompt;
  for (let draw = 1; draw <= options.maxTokens; draw++) {
    if (draw > 1 && cache.length + 1 > model.config.context) return;
    const current = tokens;
    const token = await cancellable(signal, async () =>
      pickToken(await logitsOf(pass, model, current, cache, 'last'), how, draw),
    );
    const stop = stopTokens.includes(token);
    const last = stop || draw === options.maxTokens;
    yield { token, text: (stop ? '' : text.push(token)) + (last ? text.end() : '') };
    if (last) return;
    tokens = [token];
  }
}
