import { describe, expect, it } from 'vitest';
import { jupyterDisplay, present, shownAs } from '../../src/display/index.js';

const summary = {
  ...{ min: -1.5, max: 2.25, mean: 0.125, standardDeviation: 0.5, nanCount: 0 },
  ...{ histogram: [1, 0, 8, 4], digest: 'ab'.repeat(32), cosine: null, euclideanDistance: null },
};

describe('the summary of a tensor', () => {
  it('is shown as its figures and a line of blocks in which every bin that holds anything is seen', async () => {
    expect((await present(summary))?.['text/plain']).toBe(
      'Summary\n  range      -1.5 … 2.25\n  mean       0.125\n  std. dev.  0.5\n  sha-256    abababababababab\n\n▁ █▄',
    );
  });

  it('is drawn with one bar per bin, the fullest as tall as the picture', async () => {
    const html = String((await present(summary))?.['text/html']);
    expect([...html.matchAll(/<rect [^>]*height="(\d+)"\/>/g)].map(([, height]) => Number(height))).toEqual([
      8, 0, 64, 32,
    ]);
    expect(html).toContain('>-1.5</text>');
  });

  it('tells of NaNs and of the reference only where there are any', async () => {
    const full = { ...summary, nanCount: 3, cosine: 0.99, euclideanDistance: 1.5 };
    expect((await present(full))?.['text/plain']).toContain(
      '  NaNs                       3\n  cosine to the reference    0.99\n  distance to the reference  1.5\n',
    );
  });

  it('of nothing has no bars', async () => {
    const empty = { ...summary, histogram: [0, 0], min: Number.NaN, max: Number.NaN };
    expect((await present(empty))?.['text/plain']).toMatch(/ {2}range {6}NaN … NaN\n[\s\S]*\n\n {2}$/);
  });
});

describe('a face', () => {
  it('is given to an object without changing what loops, spreads and JSON see of it', async () => {
    const value = shownAs({ a: 1 }, () => ({ 'text/plain': 'one' }));
    expect(await present(value)).toEqual({ 'text/plain': 'one' });
    expect(JSON.stringify(value)).toBe('{"a":1}');
    expect(jupyterDisplay in { ...value }).toBe(false);
    expect(await present(shownAs(value, () => ({ 'text/plain': 'two' })))).toEqual({ 'text/plain': 'two' });
  });
});
