// The slice: the first notebook through the kernel over ZeroMQ, the agent over TCP, the driver and the simulator.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparable, type Ended, printed, root, type StoredNotebook, Workplace } from './npulab.js';

const notebook = join(root, 'notebooks/01-quantize-load-step.ipynb');

describe('the first notebook', () => {
  const place = new Workplace();
  afterAll(() => place[Symbol.dispose]());
  let ended: Ended;
  let executed: StoredNotebook;

  beforeAll(async () => {
    ended = await place.npulab(['run', notebook, '-o', place.path('first.ipynb'), '--html', place.path('first.html')]);
    expect(ended.stderr).not.toContain('Error');
    expect(ended.status).toBe(0);
    executed = JSON.parse(place.read('first.ipynb'));
  }, 240_000);

  it('runs every cell without an error', () => {
    const errors = executed.cells.flatMap((cell) =>
      (cell.outputs ?? []).filter((output) => output.output_type === 'error'),
    );
    expect(errors).toEqual([]);
    const counts = executed.cells.filter((cell) => cell.cell_type === 'code').map((cell) => cell.execution_count);
    expect(counts).toEqual(counts.map((_, index) => index + 1));
  });

  it('shows the board as simulated, with clocks, memory and versions', () => {
    const card = printed(executed, 'connect');
    for (const fact of [
      'RK3568 (simulated; every latency is modelled)',
      'sim:rk3568',
      '1000 MHz',
      '1560 MHz',
      '8 GB/s',
      'agent',
    ]) {
      expect(card).toContain(fact);
    }
  });

  it('writes the golden paragraph in float', () => {
    expect(printed(executed, 'float')).toContain(
      readFileSync(join(root, 'test/e2e/golden/float-paragraph.txt'), 'utf8').trim(),
    );
  });

  it('has GPTQ ahead of RTN at 4 bits, in KL and in perplexity', () => {
    const rows = new Map(
      printed(executed, 'compare')
        .split('\n')
        .map((line) => line.split(/ {2,}/))
        .map(([name, perplexity, kl]) => [name, { perplexity: Number(perplexity), kl: Number(kl) }] as const),
    );
    expect(rows.get('GPTQ 4')!.kl).toBeLessThan(rows.get('RTN 4')!.kl);
    expect(rows.get('GPTQ 4')!.perplexity).toBeLessThan(rows.get('RTN 4')!.perplexity);
    expect(rows.get('GPTQ 8')!.kl).toBeLessThan(rows.get('GPTQ 4')!.kl);
  });

  it('saves the 8-bit model and opens the same bytes again', () => {
    expect(printed(executed, 'save')).toMatch(
      /saved \d+ bytes; digest of the files equals that of the opened model: true/,
    );
  });

  it('reads back what it wrote and multiplies on the board as on the host', () => {
    const text = printed(executed, 'task');
    expect(text).toContain('written by the host, read from device memory');
    expect(text).toContain('board equals host: true');
  });

  it('steps through one token and lists every operator of a layer', () => {
    const text = printed(executed, 'step');
    for (const operator of [
      'input_layernorm',
      'self_attn.q_proj',
      'self_attn.attention',
      'mlp.down_proj',
      'mlp_residual',
    ]) {
      expect(text).toContain(`layers.2.${operator}`);
    }
  });

  it('changes the next token by replacing a tensor', () => {
    const [, before, after] = /as computed: (\d+) [\s\S]* times -8: (\d+) /.exec(printed(executed, 'replace')) ?? [];
    expect(before).toMatch(/^\d+$/);
    expect(after).not.toBe(before);
  });

  it('generates text on the board, greedy and sampled', () => {
    const text = printed(executed, 'generate');
    expect(text).toMatch(/greedy: {2}There was once a child named Mira \w+/);
    expect(text).toMatch(/sampled: There was once a child named Mira \w+/);
  });

  it('plots modelled latency per layer with a static twin, never below the bandwidth bound', () => {
    const outputs = executed.cells.find((cell) => cell.id === 'latency')?.outputs ?? [];
    const charts = outputs.filter((output) => output.data?.['application/vnd.vegalite.v5+json'] !== undefined);
    expect(charts.length).toBe(2);
    for (const chart of charts) expect(String(chart.data?.['image/svg+xml'])).toContain('<svg');
    const [, , ratio] =
      /\n +([\d. ]+?) {2,}([\d. ]+?) {2,}([\d.e-]+) {2,}\d+\n?$/
        .exec(printed(executed, 'latency'))
        ?.slice(1)
        .map((text) => Number(text.replaceAll(' ', ''))) ?? [];
    expect(ratio).toBeGreaterThan(0);
    expect(ratio).toBeLessThanOrEqual(1);
  });

  it('writes a report with question, result and back end', () => {
    const report = place.read('first.html');
    expect(report).toContain('<b>Question.</b> What does int8 GPTQ cost this model');
    expect(report).toContain('<b>sim:rk3568</b> <span class="badge">latency is modelled</span>');
    expect(report.match(/<img class="chart"/g)?.length).toBe(3);
  });

  it('gives the same notebook bytes a second time, apart from wall-clock times', async () => {
    const again = await place.npulab(['run', notebook, '-o', place.path('second.ipynb')]);
    expect(again.status).toBe(0);
    expect(comparable(JSON.parse(place.read('second.ipynb')))).toEqual(comparable(executed));
  }, 240_000);

  it('proves its report: verify runs the notebook again and finds it equal', async () => {
    const verified = await place.npulab(['verify', place.path('first.html'), '--json']);
    expect(verified.stderr).not.toContain('Error');
    expect(JSON.parse(verified.stdout)).toMatchObject({ equal: true, differences: [] });
    expect(verified.status).toBe(0);
  }, 240_000);

  it('refuses a report whose numbers were changed, naming cell and output', async () => {
    const forged = place.read('first.html').replace(/"text\/plain":"[0-9a-f]{64}"/, `"text/plain":"${'0'.repeat(64)}"`);
    expect(forged).not.toBe(place.read('first.html'));
    const verified = await place.npulab(['verify', place.write('forged.html', forged)]);
    expect(verified.stdout).toMatch(/cell \d+ .*output \d+.*text\/plain/);
    expect(verified.status).toBe(1);
  }, 240_000);

  it('takes parameters, injected after the cell tagged for them', async () => {
    const run = await place.npulab(['run', notebook, '-o', place.path('cpu.ipynb'), '-p', 'boardUrl=nowhere:1']);
    expect(run.status).toBe(1);
    const stopped = JSON.parse(place.read('cpu.ipynb')) as StoredNotebook;
    expect(
      stopped.cells.find((cell) => (cell.metadata.tags as string[] | undefined)?.includes('injected-parameters')),
    ).toBeDefined();
    expect(printed(stopped, 'connect')).toContain('board.unknown-address');
  }, 120_000);
});
