// Two independent forward passes, TypeScript on the host and Rust on the board, held against each other: products of
// integers equal, every operator's output equal, 64 greedy tokens equal. On the simulator and on the CPU back end.
import { join } from 'node:path';
import { type Board, connect, type LoadedModel } from '@npulab/board';
import { forward, generate, type LlamaModel, openModel, quantize, save } from '@npulab/quant';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, Workplace } from './npulab.js';

const prompt = 'There was once a child named Mira';

describe.each(['sim:rk3568', 'cpu'])('host and board (%s)', (url) => {
  const place = new Workplace();
  let board: Board;
  let loaded: LoadedModel;
  let model: LlamaModel;

  beforeAll(async () => {
    const float = await openModel(join(root, 'quant/models/tiny'));
    await save(await quantize(float, { method: 'rtn', bits: 8 }), place.path('int8'));
    model = await openModel(place.path('int8'));
    board = await connect(url, { storeFolder: place.path('store'), logFolder: place.path('log'), memoryMib: 256 });
    loaded = await board.models.load(place.path('int8'));
  }, 120_000);

  afterAll(async () => {
    await board?.close();
    place[Symbol.dispose]();
  });

  it('leave equal tensors at every operator of the prompt’s pass', async () => {
    const tokens = model.tokenizer.encode(prompt, { bos: true });
    const host = new Map<string, Float32Array | Int8Array>();
    await forward(model, tokens, { activations: 'int8', hooks: (name, { data }) => void host.set(name, data.slice()) });
    const run = await loaded.session([...tokens]);
    // The board computes the last row alone from the final norm on: those rows are compared.
    const lastRowOnly = new Set(['norm', 'lm_head_quantize', 'lm_head']);
    let compared = 0;
    for (const { name } of loaded.operators) {
      if (name === 'sample') continue;
      await run.step({ until: { operator: name } });
      const ours = host.get(name);
      expect(ours, name).toBeDefined();
      const theirs = (await (await run.tensor(name)).read()) as Float32Array;
      const tail = lastRowOnly.has(name) ? ours!.slice(-theirs.length) : ours!;
      expect(Buffer.from(theirs.buffer).equals(Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength)), name).toBe(
        true,
      );
      compared += 1;
    }
    expect(compared).toBe(loaded.operators.length - 1);
    await run.close();
  });

  it.each([
    ['greedy', {}],
    ['sampled', { temperature: 0.8, topP: 0.9, seed: 7 }],
  ])('write the same 64 tokens, %s', async (_how, sampling) => {
    const host: number[] = [];
    for await (const { token } of generate(model, prompt, {
      maxTokens: 64,
      activations: 'int8',
      stopTokens: [],
      ...sampling,
    }))
      host.push(token);
    const run = await loaded.session(prompt);
    const theirs: number[] = [];
    for await (const { token } of run.generate({ maxTokens: 64, ...sampling })) theirs.push(token);
    expect(theirs).toEqual(host);
    expect(host.length).toBe(64);
    await run.close();
  });
});
