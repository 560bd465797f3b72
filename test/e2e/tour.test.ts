// The tour: what the kernel can do in twelve cells, run headless, twice the same, with a parameter from outside.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparable, printed, root, type StoredNotebook, Workplace } from './npulab.js';

const notebook = join(root, 'notebooks/00-tour.ipynb');

describe('the tour', () => {
  const place = new Workplace();
  afterAll(() => place[Symbol.dispose]());
  let executed: StoredNotebook;
  const outputsOf = (id: string) => executed.cells.find((cell) => cell.id === id)?.outputs ?? [];

  beforeAll(async () => {
    const run = ['run', notebook, '--quiet', '-o', place.path('tour.ipynb'), '--html', place.path('tour.html')];
    const ended = await place.npulab([...run, '-p', 'name=Grace', '-p', 'points=8']);
    expect(ended.status, ended.stderr).toBe(0);
    executed = JSON.parse(place.read('tour.ipynb'));
  }, 120_000);

  it('is stored without outputs, in twelve code cells', () => {
    const stored = JSON.parse(readFileSync(notebook, 'utf8')) as StoredNotebook;
    const code = stored.cells.filter((cell) => cell.cell_type === 'code');
    expect([code.length, code.flatMap((cell) => cell.outputs ?? [])]).toEqual([12, []]);
  });

  it("fails in the two cells that say so, with the checker's words and with the causes", () => {
    const failed = executed.cells.filter((cell) => cell.outputs?.some(({ output_type }) => output_type === 'error'));
    expect(failed.map(({ id }) => id)).toEqual(['type-error', 'errors']);
    expect(printed(executed, 'type-error')).toMatch(
      /line 3:7 - TS2322: .*\n3 \| const first: string = layers\[0\]\.macs;/,
    );
    expect(printed(executed, 'errors')).toMatch(
      /at load \(cell \d+, line 3:9\)[\s\S]*caused by: RangeError: the file is empty/,
    );
  });

  it('takes its parameters, awaits, disposes and gives up on time', () => {
    expect(printed(executed, 'types')).toBe("'Hello Grace: 4 layers, 5440 MACs'");
    expect(printed(executed, 'names')).toBe("[ 'Grace' ]");
    expect(printed(executed, 'modules')).toMatch(/^[0-9a-f]{16}\ndisposed at the end of the cell\n$/);
    expect(printed(executed, 'signal')).toBe("'AbortError; interrupted: false'");
  });

  it('shows a table, HTML, Markdown, a plot with its static twin, progress and a widget', () => {
    expect(String(outputsOf('table')[0]?.data?.['text/html'])).toContain('<table');
    expect(outputsOf('rich').map(({ data }) => Object.keys(data ?? {})[0])).toEqual([
      ...['text/markdown', 'text/html', 'text/html'],
    ]);
    const plot = outputsOf('plot')[0]?.data ?? {};
    expect(Object.keys(plot)).toEqual(['application/vnd.vegalite.v5+json', 'image/svg+xml', 'text/plain']);
    expect(printed(executed, 'progress')).toBe('square · done · 8 numbers\n204');
    expect(outputsOf('widgets').map(({ data }) => Object.keys(data ?? {}))).toEqual([
      ['application/vnd.jupyter.widget-view+json', 'text/plain'],
      ['application/vnd.vegalite.v5+json', 'image/svg+xml', 'text/plain'],
    ]);
  });

  it('gives the same notebook a second time, and its report proves itself', async () => {
    const again = ['run', notebook, '--quiet', '-o', place.path('again.ipynb'), '-p', 'name=Grace', '-p', 'points=8'];
    expect((await place.npulab(again)).status).toBe(0);
    expect(comparable(JSON.parse(place.read('again.ipynb')))).toEqual(comparable(executed));
    const verified = await place.npulab(['verify', place.path('tour.html'), '--json']);
    expect(JSON.parse(verified.stdout)).toMatchObject({ equal: true, differences: [] });
  }, 120_000);
});
