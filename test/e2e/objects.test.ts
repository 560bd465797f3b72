// What a researcher sees when an object of the lab is the value of a cell: facts and pictures, never the object's insides.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { printed, type StoredNotebook, Workplace } from './npulab.js';

const cells: Readonly<Record<string, string>> = {
  model: "const board = await lab.connect();\nconst model = await lab.models.open('tiny');\nmodel",
  logged: 'console.log(model)',
  quantized:
    "const q = await lab.quant.gptq(model, { bits: 8, calibration: lab.corpus('calibration').slice(0, 4) });\nq",
  evaluation: "await lab.quant.evaluate(q, lab.corpus('evaluation'), { reference: model, maxWindows: 1 })",
  saved: "await lab.quant.save(q, 'int8')",
  step: "const loaded = await board.models.load(q);\nconst run = await loaded.session('There was once');\nconst step = await run.step({ until: 'layer' });\nstep",
  inference: 'run',
  handles: 'console.log([board, loaded, run])',
  summary: 'await step.output.summary()',
  buffer: "const buffer = await board.memory.allocate(64);\nawait buffer.summary({ dtype: 'i8' })",
  generation: 'run.generate({ maxTokens: 4 })',
  counters: 'await board.npu.counters()',
  clock: 'board.clock',
  boards: "const host = await lab.connect('cpu');\nawait display(board);\nawait display(host);\nawait host.close();",
  menus:
    'for (const one of [board.memory, board.tasks, board.npu, board.blobs, board.lease, board.models, lab.models, lab.quant, lab.plot]) await display(one)',
};

describe('an object as the value of a cell', () => {
  const place = new Workplace();
  afterAll(() => place[Symbol.dispose]());
  let executed: StoredNotebook;
  const text = (id: string): string => printed(executed, id);

  beforeAll(async () => {
    const notebook = {
      cells: Object.entries(cells).map(([id, source]) => ({
        ...{ cell_type: 'code', id, metadata: {}, execution_count: null, outputs: [], source },
      })),
      ...{ metadata: {}, nbformat: 4, nbformat_minor: 5 },
    };
    const input = place.write('objects.ipynb', JSON.stringify(notebook));
    const ended = await place.npulab(['run', input, '-o', place.path('out.ipynb')]);
    expect(ended).toMatchObject({ status: 0 });
    executed = JSON.parse(place.read('out.ipynb'));
  }, 120_000);

  it('is shape, storage and digest for a model, and one line where it is printed', () => {
    expect(text('model')).toBe(
      'Model: tiny\n  shape    6 layers, hidden 128, 4 heads (2 KV), vocabulary 512, context 256\n' +
        '  linears  float\n  weights  2.5 MiB\n  digest   72a0fcfe807f4366',
    );
    expect(text('logged')).toBe('tiny: Llama, float, 6 layers, hidden 128, 4/2 heads, vocabulary 512, 2.6 MB\n');
  });

  it('is one line where it is among other values', () => {
    expect(text('handles').split('\n').slice(1, 4)).toEqual([
      '  Board(rk3568, sim:rk3568, NPU 1 GHz, 2 GiB, times modelled, connected),',
      expect.stringMatching(/^ {2}LoadedModel\([\w-]+, 6 layers, 1\.19 MiB, loaded, [0-9a-f]{12}\),$/),
      '  InferenceSession(position 0 of 5 tokens, open)',
    ]);
  });

  it('is method, origin and one row of errors per kind of linear for a quantized model', () => {
    expect(text('quantized')).toContain(
      '  method       gptq, 8 bits, one scale per output\n  made from    tiny, 2.5 MiB\n',
    );
    const rows = text('quantized').split('Relative error of the linears\n')[1]!.trimEnd().split('\n');
    expect(rows[0]).toMatch(/^linear +method +weights, mean +outputs, mean +worst$/);
    expect(rows.slice(1).map((row) => row.split(' ')[0])).toEqual([
      ...['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'],
      ...['mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj', 'lm_head'],
    ]);
    expect(rows[7]).toMatch(/^mlp.down_proj +gptq +0\.01\d+ +0\.00\d+ +layer \d: 0\.00\d+$/);
  });

  it('is perplexity and the distance to the reference for an evaluation', () => {
    expect(text('evaluation')).toMatch(
      /Evaluation\n {2}perplexity +1\.2\d+\n {2}nats per token +0\.1\d+\n {2}KL to the reference /,
    );
    expect(text('evaluation')).toContain('  same first choice      99.');
  });

  it('is the folder in the caller’s own words for a saved model', () => {
    expect(text('saved')).toMatch(
      /^save tiny-gptq8 · done · [\d ]+ bytes\nSaved model\n {2}folder +int8\n {2}size +1\.37 MiB\n {2}digest +[0-9a-f]{16}$/,
    );
  });

  it('is the modelled time and every operator that ran for a step', () => {
    expect(text('step')).toMatch(
      /Step to layers\.0\.mlp_residual\n {2}operators +19\n {2}modelled \(NPU only\) +\d+\.?\d* µs\n {2}position +0 of \d+ tokens\n\noperator +runsOn /,
    );
    expect(text('step').match(/^layers\.0\.\S+ +(npu|cpu) /gm)).toHaveLength(18);
  });

  it('is the next operator by name for an inference', () => {
    expect(text('inference')).toContain('  next operator     layers.1.input_layernorm\n');
  });

  it('is figures and a histogram for the summary of a tensor and of a buffer', () => {
    expect(text('summary')).toMatch(/^Summary\n {2}range +-\d.*… \d.*\n[\s\S]*\n\n[ ▁▂▃▄▅▆▇█]{32}$/);
    expect(text('buffer')).toMatch(/^Summary\n {2}range +0 … 0\n/);
  });

  it('says how to go on for a generation that nobody has read yet', () => {
    expect(text('generation')).toBe(
      'Generation\n  tokens       for await (const { text } of generation) …, or at once: await run.text({ maxTokens })\n' +
        '  stop reason  not ended',
    );
  });

  it('has units for counters, and an error bar for the clock', () => {
    expect(text('counters')).toMatch(/Counters of the NPU\n {2}data read +([\d ]+) × 8 B = [\d.]+ KiB\n/);
    expect(text('clock')).toMatch(/Clock of the board\n {2}offset +-?[\d.]+ ms ± [\d.]+ ms\n/);
  });

  it('tells a simulated board from one that computes on its CPU, which has no clock of an NPU', () => {
    const facts = (name: string) => text('boards').match(new RegExp(`^  ${name} +(.+)$`, 'gm'));
    expect(text('boards').match(/^Board: .*$/gm)).toEqual([
      'Board: RK3568 (simulated; every latency is modelled)',
      expect.not.stringContaining('modelled'),
    ]);
    expect(facts('NPU clock')?.map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
      'NPU clock 1000 MHz',
      'NPU clock none',
    ]);
  });

  it('lists what it offers, with a line to copy, where it is a group of methods', () => {
    expect(text('menus').match(/^\S.*$/gm)).toEqual([
      ...['Memory of the board', "The NPU's queue", 'The NPU by hand', "The board's store", 'Who may change the board'],
      ...['Models on the board', 'Models', 'Quantizers and metrics', 'Charts'],
    ]);
    expect(text('menus')).toContain(
      "  capture      const capture = await board.npu.capture(() => run.step({ until: 'layer' }));",
    );
  });
});
