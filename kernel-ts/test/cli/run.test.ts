/** `npulab run` and `npulab verify` through the real kernel, as a user calls them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../src/cli/main.js';
import { formatNotebook, parseNotebook } from '../../src/report/runner/index.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npulab-run-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function npulab(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const status = await main(argv, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  return { status, out, err };
}

/** Writes a notebook of code cells and gives its path. */
async function notebook(name: string, ...cells: { source: string; tags?: string[] }[]): Promise<string> {
  const path = join(folder, name);
  const text = formatNotebook({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: cells.map(({ source, tags }, index) => ({
      cell_type: 'code',
      id: `cell-${index + 1}`,
      source,
      metadata: tags ? { tags } : {},
      outputs: [],
      execution_count: null,
    })),
  });
  await writeFile(path, text);
  return path;
}

/** The file without the times of `metadata.execution`. */
async function bare(path: string): Promise<string> {
  const read = parseNotebook(await readFile(path, 'utf8'), path);
  const cells = read.cells.map(({ metadata: { execution: _, ...metadata }, ...cell }) => ({ ...cell, metadata }));
  return formatNotebook({ ...read, cells });
}

test('a notebook with parameters runs, twice the same, and its report proves itself', async () => {
  const path = await notebook(
    'in.ipynb',
    { source: 'const base = 2;\nconst label = "x";', tags: ['parameters'] },
    { source: 'const squared = base ** 2;\nconsole.log(label, squared);\nsquared' },
  );
  const [first, second, html] = ['a.ipynb', 'b.ipynb', 'a.html'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const parameters = ['-p', 'base=5', '-p', 'label=five'];
  const run = await npulab('run', path, '-o', first, '--html', html, ...parameters);
  expect([run.status, run.out]).toEqual([0, '']);
  expect(run.err.replace(/\d+\.\d\d s/g, 'N s')).toBe(
    `cell 1/3 N s\ncell 2/3 N s\ncell 3/3 N s\nnpulab: wrote ${first}\nnpulab: wrote ${html}\nnpulab: done in N s\n`,
  );
  const { cells, metadata } = parseNotebook(await readFile(first, 'utf8'), first);
  expect(cells.map(({ id }) => id)).toEqual(['cell-1', 'injected-parameters', 'cell-2']);
  expect(cells[2]?.outputs).toMatchObject([
    { output_type: 'stream', name: 'stdout', text: ['five 25\n'] },
    { output_type: 'execute_result', data: { 'text/plain': ['25'] }, execution_count: 3 },
  ]);
  expect(metadata.papermill).toEqual({ parameters: { base: 5, label: 'five' } });
  expect((await npulab('run', path, '-o', second, '--quiet', ...parameters)).status).toBe(0);
  expect(await bare(second)).toBe(await bare(first));
  const verified = await npulab('verify', html);
  expect([verified.status, verified.out]).toEqual([
    0,
    expect.stringMatching(/^equal: \d+ cells, \d+ outputs compared/),
  ]);
});

test('a cell that fails ends the run with status 1, and the outputs so far are written', async () => {
  const path = await notebook(
    'bad.ipynb',
    { source: '"before"' },
    { source: 'throw new Error("up")' },
    { source: '"after"' },
  );
  const out = join(folder, 'bad-out.ipynb');
  const { status, err } = await npulab('run', path, '-o', out);
  expect(status).toBe(1);
  expect(err).toContain('npulab: cell 2 (cell-2) failed: Error: up\n');
  const { cells } = parseNotebook(await readFile(out, 'utf8'), out);
  expect(cells.map(({ outputs }) => outputs?.map((output) => output.output_type))).toEqual([
    ['execute_result'],
    ['error'],
    [],
  ]);
});

test('a parameter that the notebook does not declare is warned about', async () => {
  const path = await notebook('warn.ipynb', { source: 'const seed = 1;', tags: ['parameters'] });
  const { status, err } = await npulab('run', path, '-o', join(folder, 'warn-out.ipynb'), '--quiet', '-p', 'sead=2');
  expect(status).toBe(0);
  expect(err).toContain('npulab: warning: the cell tagged "parameters" does not declare "sead"\n');
});
