// Knows how a text becomes windows of tokens, for calibration and for metrics alike.
// Refuses to know what is done with them. Surprise: BOS takes the first place of every window, so a window of W tokens shows
// the model W − 1 text tokens and predicts W.
import { QuantError } from '../errors.js';
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

/** Token ids of a text (no BOS), or the given ids checked. Errors: `model.bad-tokens`, `quant.cancelled`. */
export async function textTokens(
  model: LlamaModel,
  text: string | Int32Array,
  signal?: AbortSignal,
): Promise<Int32Array> {
  if (typeof text === 'string') return model.tokenizer.encodeLong(text, signal ? { signal } : {});
  for (const id of text) {
    if (id < 0 || id >= model.config.vocab)
      throw new QuantError('model.bad-tokens', `token ${id}; the vocabulary has ${model.config.vocab}`);
  }
  return text;
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
