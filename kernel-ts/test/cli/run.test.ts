/** `npulab run` and `npulab verify` through the real kernel, as a user calls them. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
  expect(run.err.replace(/\d+\.\d\d s(, about \d+ s left)?/g, 'N s')).toBe(
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
    undefined,
    ['execute_result'],
    undefined,
    ['error'],
    [],
  ]);
  const marks = cells.filter(
    ({ metadata }) => (metadata.tags as string[] | undefined)?.[0] === 'papermill-error-cell-tag',
  );
  expect(marks).toEqual([cells[0], cells[2]]);
  expect(String(cells[0]?.source)).toContain(
    'An Exception was encountered at \'<a href="#papermill-error-cell">In [2]</a>\'.',
  );
  expect(String(cells[2]?.source)).toContain('<span id="papermill-error-cell"');
});

test.each([
  [[], 1, '', ''],
  [['--check', 'warn'], 0, '3\n', 'TS2322'],
  [['--check=off'], 0, '3\n', ''],
  [['--no-check'], 0, '3\n', ''],
] as const)('a type error under %j ends the run, warns, or is nothing', async (options, status, stdout, warning) => {
  const before = process.env.NPULAB_CHECK;
  const path = await notebook('types.ipynb', {
    source: 'const text: string = 3 as any as never as unknown\nconsole.log(text)',
  });
  const out = join(folder, 'types.out.ipynb');
  expect((await npulab('run', path, '-o', out, '--quiet', ...options)).status).toBe(status);
  const [cell] = parseNotebook(await readFile(out, 'utf8'), out).cells;
  const streams = (name: string) =>
    (cell?.outputs ?? [])
      .map((one) => (one.output_type === 'stream' && one.name === name ? String(one.text) : ''))
      .join('');
  expect([streams('stdout'), streams('stderr').includes('TS2322') ? 'TS2322' : streams('stderr')]).toEqual([
    stdout,
    warning,
  ]);
  if (before === undefined) delete process.env.NPULAB_CHECK;
  else process.env.NPULAB_CHECK = before;
});

test('a result that has nowhere to go is found before the first cell runs', async () => {
  const path = await notebook('nowhere.ipynb', { source: 'console.log(1)' });
  for (const args of [
    ['-o', folder],
    ['-o', join(path, 'out.ipynb')],
    // Node's recursive mkdir asks such a file system for ever.
    ['-o', '/proc/npulab/out.ipynb'],
    ['-o', join(folder, 'fine.ipynb'), '--html', folder],
  ]) {
    const { status, err } = await npulab('run', path, ...args);
    expect(err).toMatch(
      /^npulab: cannot write .*\nCause: E(ISDIR|EXIST|NOTDIR|NOENT).*\nCode: cli\.unwritable\nRemedy: .*\n$/,
    );
    expect(status).toBe(1);
  }
  expect((await readdir(folder)).filter((name) => name.startsWith('fine') || name.endsWith('.new'))).toEqual([]);
});

test('a parameter that the notebook does not declare is warned about', async () => {
  const path = await notebook('warn.ipynb', { source: 'const seed = 1;', tags: ['parameters'] });
  const { status, err } = await npulab('run', path, '-o', join(folder, 'warn-out.ipynb'), '--quiet', '-p', 'sead=2');
  expect(status).toBe(0);
  expect(err).toContain('npulab: warning: the cell tagged "parameters" does not declare "sead"\n');
});

/** What the code cells of a written notebook show, their counts beside it. */
async function shown(path: string): Promise<unknown[]> {
  const { cells } = parseNotebook(await readFile(path, 'utf8'), path);
  return cells
    .filter(({ cell_type: type }) => type === 'code')
    .map(({ outputs, execution_count: count }) => [
      count,
      ...(outputs ?? []).map((one) => [one.evalue ?? one.data?.['text/plain'] ?? one.text].flat().join('')),
    ]);
}

test('a run that failed goes on with --resume: cells that are done keep their outputs, those that prepare run again', async () => {
  const done = join(folder, 'done.txt');
  const [path, out] = [join(folder, 'resume.ipynb'), join(folder, 'resume-out.ipynb')];
  const write = (fixed: string): Promise<string> =>
    notebook(
      'resume.ipynb',
      { source: "import fs from 'node:fs';\nconst limit = 1;", tags: ['parameters'] },
      { source: `fs.appendFileSync(${JSON.stringify(done)}, 'x'); 'slow work'` },
      { source: fixed },
      { source: `fs.readFileSync(${JSON.stringify(done)}, 'utf8') + limit` },
    );
  await write('throw new Error("not yet")');
  expect((await npulab('run', path, '-o', out, '--quiet', '-p', 'limit=7')).status).toBe(1);
  expect(await shown(out)).toEqual([[1], [2], [3, "'slow work'"], [4, 'not yet'], [null]]);
  await write('"mended"');
  const again = await npulab('run', path, '-o', out, '--resume', '-p', 'limit=7');
  expect([again.status, again.err.match(/^cell \d\/4/gm)]).toEqual([
    0,
    ['cell 1/4', 'cell 2/4', 'cell 3/4', 'cell 4/4'],
  ]);
  expect(await shown(out)).toEqual([[1], [2], [3, "'slow work'"], [3, "'mended'"], [4, "'x7'"]]);
  expect(await readFile(done, 'utf8')).toBe('x');
  expect((await npulab('run', path, '-o', out, '--resume')).err).toBe(
    `npulab: ${out} has all cells: nothing to resume\n`,
  );
});

test('--from starts at a cell by its id or its number, and a cell that is not there is an error', async () => {
  const path = await notebook('from.ipynb', { source: '"one"' }, { source: '"two"' }, { source: '"three"' });
  const out = join(folder, 'from-out.ipynb');
  for (const name of ['cell-2', '2']) {
    expect((await npulab('run', path, '-o', out, '--quiet', '--from', name)).status).toBe(0);
    expect(await shown(out)).toEqual([[null], [1, "'two'"], [2, "'three'"]]);
  }
  expect((await npulab('run', path, '-o', out, '--from', '9')).err).toContain('Code: runner.unknown-cell\n');
  expect((await npulab('run', path, '-o', out, '--from', '1', '--resume')).status).toBe(2);
});

test('SIGINT interrupts the cell, and what had run before is in the notebook', async () => {
  const path = await notebook(
    'endless.ipynb',
    { source: '"kept"' },
    { source: 'console.log("in"); while (true) {}' },
    { source: '"no"' },
  );
  const out = join(folder, 'endless-out.ipynb');
  const launcher = fileURLToPath(new URL('../../bin/npulab.js', import.meta.url));
  const child = spawn(process.execPath, [launcher, 'run', path, '-o', out], { stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const before = err;
    err += text;
    if (!before.includes('cell 1/3') && err.includes('cell 1/3')) child.kill('SIGINT');
  });
  const status = await new Promise((done) => child.once('close', done));
  expect([status, err]).toEqual([
    130,
    expect.stringContaining('npulab: interrupting the cell; again to end at once\n'),
  ]);
  const [first, second, third] = (await shown(out)) as unknown[][];
  expect([first, second?.at(-1), third]).toEqual([[1, "'kept'"], 'the cell was interrupted', [null]]);
});
