// Knows perplexity, KL to a reference and top-1 agreement over a text. Refuses to know how a model is quantized.
// Surprise: lm_head runs on HEAD_ROWS rows at a time, so logits never take more than a few MB whatever the window.
import { argmaxRows, klRows, nllRows } from '@npulab/addon';
import { QuantError } from '../errors.js';
import { KvCache } from '../model/cache.js';
import { hiddenStates } from '../model/forward.js';
import type { Activations } from '../model/forward-options.js';
import type { LlamaModel } from '../model/model.js';
import { Pass } from '../model/pass.js';
import { cutWindows, type TextInput, textTokens, type Window, windowLength } from '../model/windows.js';
import { cancellable, throwIfCancelled } from '../pace.js';
import { checkComparable } from './comparable.js';
import type { Evaluation } from './results.js';

const HEAD_ROWS = 64;

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** Compare with this model (usually the float one); it always runs in float. */
  reference?: LlamaModel;
  /** Tokens per window, BOS included. Default 512, cut to the context. */
  windowTokens?: number;
  /** Stop after this many windows. Default: the whole text. */
  maxWindows?: number;
  /** Arithmetic of `model`. Default `float`. */
  activations?: Activations;
  /** Windows done of windows in all. */
  onProgress?: (done: number, total: number) => void;
  /** Cancels within 200 ms with `quant.cancelled`. */
  signal?: AbortSignal;
}

/**
 * Measures a model on a text, or on token ids without BOS. Convention: see {@link Evaluation}.
 * Errors: `quant.text-short`, `quant.bad-settings`, `quant.models-differ`, `quant.not-int8`, `model.bad-tokens`, `quant.cancelled`.
 */
export async function evaluate(model: LlamaModel, text: TextInput, options: EvaluateOptions = {}): Promise<Evaluation> {
  const { reference, signal, activations = 'float' } = options;
  if (reference) checkComparable(model, reference);
  const windowTokens = windowLength(model, options.windowTokens);
  return cancellable(signal, async () => {
    const ids = await textTokens(model, text, signal);
    const windows = cutWindows(ids, model.config.bosToken, windowTokens, options.maxWindows);
    if (windows.length === 0) throw new QuantError('quant.text-short', 'the text has no tokens');
    const sums = { nll: 0, kl: 0, klMax: 0, same: 0, tokens: 0 };
    const pass = new Pass(model, activations, signal);
    const referencePass = reference && new Pass(reference, 'float', signal);
    for (const [index, window] of windows.entries()) {
      await addWindow(sums, window, model, pass, reference, referencePass);
      throwIfCancelled(signal);
      options.onProgress?.(index + 1, windows.length);
    }
    const nll = sums.nll / sums.tokens;
    return {
      ...{ perplexity: Math.exp(nll), nll, tokens: sums.tokens, windowTokens, activations },
      klToReference: reference ? sums.kl / sums.tokens : null,
      klMax: reference ? sums.klMax : null,
      top1Agreement: reference ? sums.same / sums.tokens : null,
    };
  });
}

async function addWindow(
  sums: { nll: number; kl: number; klMax: number; same: number; tokens: number },
  { inputs, targets }: Window,
  model: LlamaModel,
  pass: Pass,
  reference?: LlamaModel,
  referencePass?: Pass,
): Promise<void> {
  const { hidden, vocab: width } = model.config;
  const h = await hiddenStates(pass, model, inputs, new KvCache(model.config));
  const g =
    reference && referencePass && (await hiddenStates(referencePass, reference, inputs, new KvCache(model.config)));
  for (let at = 0; at < inputs.length; at += HEAD_ROWS) {
    const rows = Math.min(HEAD_ROWS, inputs.length - at);
    const part = (x: Float32Array): Float32Array => x.subarray(at * hidden, (at + rows) * hidden);
    const logits = pass.room('logits', rows * width);
    const perRow = pass.room('perRow', rows);
    await pass.head(part(h), rows, logits);
    await nllRows(logits, targets.subarray(at, at + rows), perRow, { rows, width });
    for (const nll of perRow) sums.nll += nll;
    sums.tokens += rows;
    if (!g || !referencePass) continue;
    const referenceLogits = referencePass.room('logits', rows * width);
    await referencePass.head(part(g), rows, referenceLogits);
    await klRows(referenceLogits, logits, perRow, { rows, width });
    for (const kl of perRow) {
      sums.kl += kl;
      sums.klMax = Math.max(sums.klMax, kl);
    }
    const [ours, theirs] = [new Int32Array(rows), new Int32Array(rows)];
    await argmaxRows(logits, ours, { rows, width });
    await argmaxRows(referenceLogits, theirs, { rows, width });
    for (let row = 0; row < rows; row++) if (ours[row] === theirs[row]) sums.same++;
  }
}
