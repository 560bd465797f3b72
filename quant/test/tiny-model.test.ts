// The committed default model: what the notebook claims about RTN and GPTQ holds on it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate, type LlamaModel, layerErrors, openModel, quantize } from '../src/index.js';
import { tinyFolder } from './shared-data.js';

/** The length it was trained on. */
const windowTokens = 256;
const present = existsSync(join(tinyFolder, 'model.safetensors'));
/** One story a line, each a document, as in training. */
const text = (name: string): string[] => readFileSync(join(tinyFolder, name), 'utf8').trimEnd().split('\n');

describe.skipIf(!present)('the default model (skipped where quant/models/tiny is absent)', () => {
  it('loses less with GPTQ than with RTN at 4 bits, by KL, by perplexity and in its last residual', async () => {
    using model = await openModel(tinyFolder);
    const calibration = text('calibration.txt');
    const evaluation = text('evaluation.txt');
    const measure = async (q: LlamaModel) => {
      const { perplexity, klToReference } = await evaluate(q, evaluation, {
        reference: model,
        windowTokens,
        maxWindows: 16,
      });
      const rows = await layerErrors(model, q, evaluation, { windowTokens });
      const last = rows.filter((row) => row.operator.endsWith('mlp_residual')).at(-1);
      return { perplexity, kl: klToReference as number, residual: last?.entireRelativeL2 as number };
    };
    const float = await evaluate(model, evaluation, { windowTokens });
    expect(float.perplexity).toBeGreaterThan(1.2);
    expect(float.perplexity).toBeLessThan(1.4);
    const rtn = await measure(await quantize(model, { method: 'rtn', bits: 4 }));
    const gptq = await measure(await quantize(model, { method: 'gptq', bits: 4, calibration, windowTokens }));
    expect(gptq.kl).toBeLessThan(0.5 * rtn.kl);
    expect(gptq.perplexity).toBeLessThan(rtn.perplexity);
    expect(gptq.residual).toBeLessThan(rtn.residual);
  });

  it('is hardly changed by 8-bit GPTQ in the arithmetic of the board', async () => {
    using model = await openModel(tinyFolder);
    const q = await quantize(model, { method: 'gptq', bits: 8, calibration: text('calibration.txt'), windowTokens });
    const options = { reference: model, windowTokens, maxWindows: 8, activations: 'int8' } as const;
    const { klToReference, top1Agreement, tokens } = await evaluate(q, text('evaluation.txt'), options);
    expect(tokens).toBe(8 * windowTokens);
    expect(klToReference).toBeLessThan(0.002);
    expect(top1Agreement).toBeGreaterThan(0.98);
  });
});
