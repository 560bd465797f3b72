import { describe, expect, it } from 'vitest';
import { layerErrorChart, present } from '../../src/display/index.js';

const error = (operator: string, layer: number, entireRelativeL2: number, singleRelativeL2: number | null = null) => ({
  ...{ operator, layer, entireRelativeL2, singleRelativeL2 },
});
const variants = {
  'GPTQ 4': [
    error('embed_tokens', -1, 0),
    error('layers.0.mlp.down_proj', 0, 0.05, 0.02),
    error('layers.0.mlp_residual', 0, 0.1),
    error('layers.1.mlp.down_proj', 1, 0.06, 0.04),
    error('layers.1.mlp_residual', 1, 0.09),
    error('lm_head', -1, 0.3, 0.01),
  ],
  'RTN 4': [error('layers.0.mlp_residual', 0, 0.2), error('layers.1.mlp.down_proj', 1, 0.9, 0.5)],
};

describe('layer errors', () => {
  it('are one line per variant of the residual stream after each layer', async () => {
    const bundle = await present(layerErrorChart(variants));
    expect(Object.keys(bundle ?? {})).toEqual(['application/vnd.vegalite.v5+json', 'image/svg+xml', 'text/plain']);
    expect(bundle?.['text/plain']).toBe(
      'Relative error of the residual stream after each layer\n' +
        '  GPTQ 4, layer 0: 0.1\n  GPTQ 4, layer 1: 0.09\n  RTN 4, layer 0: 0.2',
    );
    expect(bundle?.['image/svg+xml']).toContain('RTN 4');
  });

  it('are the mean over the layers of each kind of operator alone, by operator', async () => {
    const bundle = await present(layerErrorChart(variants, { by: 'operator', title: 'Alone' }));
    expect(bundle?.['text/plain']).toBe(
      'Alone\n  GPTQ 4, mlp.down_proj: 0.03\n  GPTQ 4, lm_head: 0.01\n  RTN 4, mlp.down_proj: 0.5',
    );
  });
});
