// The second notebook: a matrix product written as register words in a cell, through kernel, agent, driver and simulator.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, printed, root, type StoredNotebook, Workplace } from './npulab.js';

const tool = join(root, 'board/target/release/npulab-npu');
const notebook = join(root, 'notebooks/02-npu-registers.ipynb');

describe('the notebook of registers', () => {
  const place = new Workplace();
  afterAll(() => place[Symbol.dispose]());
  let ended: Ended;
  let executed: StoredNotebook;

  beforeAll(async () => {
    ended = await place.npulab(['run', notebook, '-o', place.path('npu.ipynb'), '--html', place.path('npu.html')]);
    expect(ended.stderr).not.toContain('Error');
    expect(ended.status).toBe(0);
    executed = JSON.parse(place.read('npu.ipynb'));
  }, 240_000);

  it('is stored without outputs and has at most twelve code cells', () => {
    const stored = JSON.parse(readFileSync(notebook, 'utf8')) as StoredNotebook;
    const code = stored.cells.filter((cell) => cell.cell_type === 'code');
    expect(code.length).toBeLessThanOrEqual(12);
    expect(code.flatMap((cell) => cell.outputs ?? [])).toEqual([]);
  });

  it('runs every cell without an error', () => {
    const errors = executed.cells.flatMap((cell) =>
      (cell.outputs ?? []).filter((output) => output.output_type === 'error'),
    );
    expect(errors).toEqual([]);
  });

  it('lists the NPU with its interrupt and the network endpoint among the devices', () => {
    const text = printed(executed, 'connect');
    expect(text).toMatch(/npu0 +npu +151/);
    expect(text).toMatch(/endpoint of the agent +network/);
  });

  it('takes the register map from the board', () => {
    expect(printed(executed, 'registers')).toMatch(/CNA +0x1000 +\d+ +\d+/);
    expect(printed(executed, 'registers')).toMatch(/DATA_BANK +3:0/);
  });

  it('writes full tasks and disassembles them as the board reads them', () => {
    expect(printed(executed, 'task')).toContain('2 tasks of 117 words');
    const text = printed(executed, 'disassemble');
    expect(text).toMatch(/CNA\.DATA_SIZE0 +0x00100001 +DATAIN_WIDTH=16 DATAIN_HEIGHT=1/);
    expect(text).toMatch(/enable +0x0000000F +CNA CMAC CORE DPU +starts these blocks together/);
    expect(text).toMatch(/CNA\.DATA_SIZE0 .* Size of the input band/);
  });

  it('has half of the results after the first task and all after the second, equal to the host', () => {
    const text = printed(executed, 'step');
    expect(text).toContain('1024 of 2048');
    expect(text).toContain('2048 of 2048');
    expect(text).toContain('board equals host: true');
  });

  it('plots modelled time per task, never below the bound', () => {
    const outputs = executed.cells.find((cell) => cell.id === 'bound')?.outputs ?? [];
    const charts = outputs.filter((output) => output.data?.['application/vnd.vegalite.v5+json'] !== undefined);
    expect(charts.length).toBe(1);
    const bars = [...printed(executed, 'bound').matchAll(/task \d: ([\d.]+) µs modelled, bound ([\d.]+) µs/g)];
    expect(bars.length).toBe(2);
    for (const [, modelled, bound] of bars) expect(Number(modelled)).toBeGreaterThanOrEqual(Number(bound));
    // The parts that are drawn add up to what the model says.
    const parts = [
      ...printed(executed, 'bound').matchAll(/^task \d +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +[\d.]+$/gm),
    ];
    expect(parts.length).toBe(2);
    for (const [index, [, ...us]] of parts.entries())
      expect(us.reduce((sum, part) => sum + Number(part), 0)).toBeCloseTo(Number(bars[index]![1]), 2);
  });

  it('says what every modelled time is made of, with a source for each value', () => {
    const text = printed(executed, 'bound');
    for (const name of ['weight_bytes_per_s', 'feature_bytes_per_s', 'axi_bytes_per_cycle', 'task_overhead_ns'])
      expect(text).toMatch(new RegExp(`^${name} .* npu-rk3568\\.md §`, 'm'));
  });

  it('records the job, whose digest is in the report', () => {
    expect(printed(executed, 'capture')).toMatch(/1 hardware start/);
    expect(printed(executed, 'capture')).toContain('JOB.json and ');
    expect(place.read('npu.html')).toContain('recorded jobs');
  });

  it('attaches the recording to the report, from which it comes out whole and replays to equal bytes', async () => {
    const listed = await place.npulab(['extract', place.path('npu.html')]);
    expect(listed.stdout).toMatch(/^two-tasks: \d+ files, \d+ bytes\n$/);
    const extracted = await place.npulab(['extract', place.path('npu.html'), 'two-tasks', '-o', place.path('out')]);
    expect(extracted).toMatchObject({ status: 0, stderr: '' });
    const job = place.path('out/two-tasks/JOB.json');
    const { exit, expectations } = JSON.parse(execFileSync(tool, ['run', job, '--json'], { encoding: 'utf8' }));
    expect(exit).toBe(0);
    expect(expectations.length).toBeGreaterThan(0);
    expect(expectations.every((one: { equal: boolean; compared: number }) => one.equal && one.compared > 0)).toBe(true);
  });

  it('proves its report: a second run records the same job', async () => {
    const verified = await place.npulab(['verify', place.path('npu.html'), '--json']);
    expect(verified.stderr).not.toContain('Error');
    expect(JSON.parse(verified.stdout)).toMatchObject({ equal: true, differences: [], volatileOutputs: 1 });
    expect(verified.status).toBe(0);
  }, 240_000);

  it('replays what a notebook saved with npulab-npu, with equal bytes', async () => {
    expect(existsSync(tool)).toBe(true);
    const script = [
      "const board = await lab.connect('sim:rk3568');",
      'const [a, b, c] = [await board.memory.allocate(64 * 4), await board.memory.allocate(64 * 32), await board.memory.allocate(4 * 32 * 4)];',
      'await a.fill(3); await b.fill(254);',
      "const operation = { kind: 'matmulInt8' as const, m: 4, k: 64, n: 32, a: { buffer: a }, b: { buffer: b }, c: { buffer: c }, layout: 'native' as const };",
      'const capture = await board.npu.capture(async () => (await board.tasks.submit(operation)).wait());',
      `await capture.save(${JSON.stringify(place.path('capture'))});`,
      'await board.close();',
    ];
    const cells = [
      { cell_type: 'code', id: 'save', metadata: {}, outputs: [], execution_count: null, source: script.join('\n') },
    ];
    const metadata = JSON.parse(readFileSync(notebook, 'utf8')).metadata;
    const path = place.write('save.ipynb', JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }));
    expect((await place.npulab(['run', path, '-o', place.path('saved.ipynb')])).status).toBe(0);
    const report = JSON.parse(
      execFileSync(tool, ['run', place.path('capture/JOB.json'), '--json'], { encoding: 'utf8' }),
    );
    expect(report.exit).toBe(0);
    expect(
      report.expectations.every((one: { equal: boolean; compared: number }) => one.equal && one.compared > 0),
    ).toBe(true);
  }, 240_000);
});
