// A real trained checkpoint from another project: if anything in the forward pass were wrong, it would not tell this story.
import { describe, expect, it } from 'vitest';
import { generate, openModel } from '../src/index.js';
import { shared } from './shared-data.js';

const checkpoint = shared('stories260K.bin');
const tokenizer = shared('tok512.bin');

describe.skipIf(!checkpoint.present || !tokenizer.present)('stories260K (skipped where shared/data is absent)', () => {
  it('tells greedily the story its authors published', async () => {
    using model = await openModel(checkpoint.path, { tokenizer: tokenizer.path });
    let text = '';
    for await (const token of generate(model, '', { maxTokens: 40 })) text += token.text;
    expect(
      text
        .trimStart()
        .startsWith('Once upon a time, there was a little girl named Lily. She loved to play outside in the park'),
    ).toBe(true);
  });

  it('tells the same beginning in the arithmetic of the board', async () => {
    using model = await openModel(checkpoint.path, { tokenizer: tokenizer.path });
    let text = '';
    for await (const token of generate(model, '', { maxTokens: 12, activations: 'int8' })) text += token.text;
    expect(text.trimStart()).toBe('Once upon a time, there was a little girl');
  });
});
