// Knows how a text becomes windows of tokens, for calibration and for metrics alike.
// Refuses to know what is done with them. Surprise: BOS takes the first place of every window, so a window of W tokens shows
// the model W − 1 text tokens and predicts W.
import { QuantError } from '../errors.js';
import { breathe } from '../pace.js';
import type { LlamaModel } from './model.js';

/** One window: `inputs` = BOS and text, `targets` = the same text one step ahead; equal lengths. */
export interface Window {
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
}

/** Default window length, cut to the model's context. */
export const DEFAULT_WINDOW_TOKENS = 512;

/** The window length to use. Errors: `quant.bad-settings`. */
export function windowLength(model: LlamaModel, asked: number | undefined): number {
  const { context } = model.config;
  const tokens = asked ?? Math.min(DEFAULT_WINDOW_TOKENS, context);
  if (!Number.isInteger(tokens) || tokens < 2 || tokens > context) {
    throw new QuantError('quant.bad-settings', `windowTokens is ${tokens}; it must be an integer from 2 to ${context}`);
  }
  return tokens;
}

/** A text; or documents, each ending with EOS, the next beginning with BOS; or token ids without the first BOS. */
export type TextInput = string | readonly string[] | Int32Array;

/** Token ids of a text without the first BOS. Errors: `model.bad-tokens`, `quant.cancelled`. */
export async function textTokens(model: LlamaModel, text: TextInput, signal?: AbortSignal): Promise<Int32Array> {
  const { tokenizer } = model;
  const options = signal ? { signal } : {};
  if (typeof text === 'string') return tokenizer.encodeLong(text, options);
  if (text instanceof Int32Array) {
    for (const id of text) {
      if (id < 0 || id >= model.config.vocab) {
        throw new QuantError('model.bad-tokens', `token ${id}; the vocabulary has ${model.config.vocab}`);
      }
    }
    return text;
  }
  const ids: number[] = [];
  const breath = breathe(signal);
  for (const document of text) {
    if (ids.length > 0) ids.push(model.config.bosToken);
    for (const id of tokenizer.encode(document)) ids.push(id);
    ids.push(model.config.eosTokens[0] ?? tokenizer.eosToken);
    if (breath.due()) await breath.take();
  }
  return Int32Array.from(ids);
}

/** Cuts token ids into windows without overlap; the last may be shorter (never empty). */
export function cutWindows(
  ids: Int32Array,
  bosToken: number,
  windowTokens: number,
  maxWindows = Number.POSITIVE_INFINITY,
): Window[] {
  const windows: Window[] = [];
  for (let at = 0; at < ids.length && windows.length < maxWindows; at += windowTokens) {
    const targets = ids.slice(at, at + windowTokens);
    const inputs = new Int32Array(targets.length);
    inputs[0] = bosToken;
    inputs.set(targets.subarray(0, -1), 1);
    windows.push({ inputs, targets });
  }
  return windows;
}
