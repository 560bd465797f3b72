// The committed default model: what the notebook claims about RTN and GPTQ holds on it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate, type LlamaModel, layerErrors, openModel, quantize } from '../src/index.js';
import { tinyFolder } from './shared-data.js';

const present = existsSync(join(tinyFolder, 'model.safetensors'));
const text = (name: string): string => readFileSync(join(tinyFolder, name), 'utf8');

describe.skipIf(!present)('the default model (skipped where quant/models/tiny is absent)', () => {
  it('loses less with GPTQ than with RTN at 4 bits, by KL, by perplexity and in its last residual', async () => {
    using model = await openModel(tinyFolder);
    const calibration = text('calibration.txt');
    const evaluation = text('evaluation.txt');
    const measure = async (q: LlamaModel) => {
      const { perplexity, klToReference } = await evaluate(q, evaluation, { reference: model, maxWindows: 12 });
      const rows = await layerErrors(model, q, evaluation.slice(0, 2000));
      const last = rows.filter((row) => row.operator.endsWith('mlp_residual')).at(-1);
      return { perplexity, kl: klToReference as number, residual: last?.entireRelativeL2 as number };
    };
    const rtn = await measure(await quantize(model, { method: 'rtn', bits: 4 }));
    const gptq = await measure(await quantize(model, { method: 'gptq', bits: 4, calibration }));
    console.log(rtn, gptq);
    expect(gptq.kl).toBeLessThan(0.75 * rtn.kl);
    expect(gptq.perplexity).toBeLessThan(rtn.perplexity);
    expect(gptq.residual).toBeLessThan(rtn.residual);
  });
});
