// Knows the calibration text as windows of token ids, and its digest. Refuses to know what they are used for.
import { createHash } from 'node:crypto';
import { QuantError } from '../errors.js';
import type { LlamaModel } from '../model/model.js';
import { cutWindows, type TextInput, textTokens } from '../model/windows.js';
import type { ResolvedSettings } from './settings.js';

/** Calibration inputs: whole windows only, each beginning with BOS. */
export interface Calibration {
  readonly windows: readonly Int32Array[];
  /** Tokens in all windows. */
  readonly tokens: number;
  /** sha256 (hex) of all windows' ids, i32 little-endian. */
  readonly digest: string;
}

/** Cuts a calibration text. Errors: `quant.bad-settings` without text, `quant.calibration-short`, `model.bad-tokens`, `quant.cancelled`. */
export async function calibrationOf(
  model: LlamaModel,
  text: TextInput | undefined,
  settings: ResolvedSettings,
  signal?: AbortSignal,
): Promise<Calibration> {
  if (text === undefined) throw new QuantError('quant.bad-settings', 'gptq needs a calibration text');
  const ids = await textTokens(model, text, signal);
  const { windowTokens, maxWindows } = settings;
  const windows = cutWindows(ids, model.config.bosToken, windowTokens, maxWindows)
    .map(({ inputs }) => inputs)
    .filter((inputs) => inputs.length === windowTokens);
  if (windows.length === 0) {
    throw new QuantError(
      'quant.calibration-short',
      `${ids.length} tokens of calibration; one window takes ${windowTokens}`,
    );
  }
  const hash = createHash('sha256');
  for (const window of windows) hash.update(new Uint8Array(window.buffer, window.byteOffset, window.byteLength));
  return { windows, tokens: windows.length * windowTokens, digest: hash.digest('hex') };
}
