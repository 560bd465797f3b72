import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cell, Notebook } from '../../src/report/notebook.js';
import {
  type CellProgress,
  formatNotebook,
  parseNotebook,
  parseParameter,
  parseParameterText,
  type RunOptions,
  runNotebook,
  unknownParameters,
} from '../../src/report/runner/index.js';
import { lastDurationMs, remainingMs } from '../../src/report/runner/remaining.js';

const command = [process.execPath, fileURLToPath(new URL('./echo-kernel.mjs', import.meta.url)), '{connection_file}'];

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'npulab-runner-')));
});
afterAll(() => rm(folder, { recursive: true }));

function code(source: string, tags: string[] = []): Cell {
  const metadata = tags.length > 0 ? { tags } : {};
  return {
    cell_type: 'code',
    id: source.replace(/\W+/g, '-') || 'empty',
    source,
    metadata,
    outputs: [],
    execution_count: null,
  };
}

function notebook(...cells: Cell[]): Notebook {
  return { nbformat: 4, nbformat_minor: 5, metadata: {}, cells };
}

function run(cells: Cell[], options: Partial<RunOptions> = {}) {
  return runNotebook(notebook(...cells), { folder, command, ...options });
}

describe('running', () => {
  test('stores outputs as a front end does: streams joined, results, errors, counts', async () => {
    const { notebook: done, error } = await run([
      code('print a\nprint b\nvalue 1'),
      { cell_type: 'markdown', id: 'text', source: '# Title', metadata: {} },
      code('html x'),
    ]);
    expect(error).toBeUndefined();
    expect(done.cells.map((cell) => [cell.execution_count, cell.outputs])).toEqual([
      [
        1,
        [
          { output_type: 'stream', name: 'stdout', text: 'a\nb\n' },
          { output_type: 'execute_result', data: { 'text/plain': '1' }, metadata: {}, execution_count: 1 },
        ],
      ],
      [undefined, undefined],
      [2, [{ output_type: 'display_data', data: { 'text/plain': 'x', 'text/html': '<b>\nx</b>' }, metadata: {} }]],
    ]);
    expect(Object.keys(done.cells[0]?.metadata.execution as object).sort()).toEqual([
      'iopub.execute_input',
      'iopub.status.busy',
      'iopub.status.idle',
      'shell.execute_reply',
    ]);
    expect(done.metadata).toEqual({
      kernelspec: { display_name: 'TypeScript (NPU Lab)', language: 'typescript', name: 'npulab' },
      language_info: {
        name: 'typescript',
        version: '7',
        mimetype: 'text/typescript',
        file_extension: '.ts',
        pygments_lexer: 'typescript',
        codemirror_mode: 'typescript',
        nbconvert_exporter: 'script',
      },
    });
  });

  test('an update changes the stored display of an earlier cell, and clear_output waits or not', async () => {
    const { notebook: done } = await run([
      code('show 1'),
      code('update 2'),
      code('print a\nclear\nprint b\nclear wait\nprint c'),
    ]);
    expect(done.cells.map((cell) => cell.outputs)).toEqual([
      [{ output_type: 'display_data', data: { 'text/plain': '2' }, metadata: {} }],
      [],
      [{ output_type: 'stream', name: 'stdout', text: 'c\n' }],
    ]);
  });

  test('stops at the first error, keeps its output, and empties the cells after it', async () => {
    const stale = {
      ...code('print never'),
      execution_count: 7,
      outputs: [{ output_type: 'stream', name: 'stdout', text: 'old' }],
    };
    const { notebook: done, error } = await run([code('value 1'), code('throw up'), stale]);
    expect(error).toEqual({ cell: 2, id: 'throw-up', ename: 'EchoError', evalue: 'up', traceback: ['EchoError: up'] });
    expect(done.cells.map((cell) => cell.execution_count)).toEqual([1, 2, null]);
    expect(done.cells[1]?.outputs).toEqual([
      { output_type: 'error', ename: 'EchoError', evalue: 'up', traceback: ['EchoError: up'] },
    ]);
    expect(done.cells[2]?.outputs).toEqual([]);
  });

  test('goes on after an error that the cell announces, and leaves out what is tagged so', async () => {
    const { notebook: done, error } = await run([
      code('throw expected', ['raises-exception']),
      code('print no', ['skip-execution']),
      code(''),
      code('value 2'),
    ]);
    expect(error).toBeUndefined();
    expect(done.cells.map((cell) => cell.execution_count)).toEqual([1, null, null, 2]);
  });

  test('runs in the folder of the notebook and reports progress', async () => {
    const steps: CellProgress[] = [];
    const { notebook: done } = await run([code('folder'), code('throw x')], { onProgress: (step) => steps.push(step) });
    expect(done.cells[0]?.outputs?.[0]?.text).toBe(`${folder}\n`);
    expect(steps.map(({ cell, cells, durationMs, failed }) => [cell, cells, durationMs !== undefined, failed])).toEqual(
      [
        [1, 2, false, undefined],
        [1, 2, true, false],
        [2, 2, false, undefined],
        [2, 2, true, true],
      ],
    );
  });

  test('two runs differ only in metadata.execution', async () => {
    const cells = [code('print a\nvalue 1'), code('html b')];
    const text = async (): Promise<string> => {
      const { notebook: done } = await run(cells);
      const bare = done.cells.map(({ metadata: { execution: _, ...metadata }, ...cell }) => ({ ...cell, metadata }));
      return formatNotebook({ ...done, cells: bare });
    };
    expect(await text()).toBe(await text());
  });

  test('an abort interrupts the cell and ends the run with its error', async () => {
    const controller = new AbortController();
    const { error } = await run([code('wait'), code('value 2')], {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect(error).toMatchObject({ cell: 1, ename: 'Interrupted' });
  });

  test('a cell that takes longer than its time is interrupted and ends the run, which says so', async () => {
    const { error, notebook: done } = await run([code('wait'), code('value 2')], { cellTimeoutMs: 1 });
    expect(error).toMatchObject({ cell: 1, ename: 'RunnerError', evalue: 'the cell took longer than 1 ms' });
    expect(done.cells[1]?.execution_count).toBe(null);
  });

  test('a cell that ignores the interrupt ends with the kernel after the grace time', async () => {
    const controller = new AbortController();
    const { error, notebook: done } = await run([code('print before\nhang')], {
      signal: controller.signal,
      graceMs: 50,
      onProgress: () => controller.abort(),
    });
    expect(error).toMatchObject({ ename: 'RunnerError', evalue: 'the cell did not stop within 50 ms' });
    expect(done.cells[0]?.outputs?.at(-1)?.output_type).toBe('error');
  });

  test('a kernel that dies is the error of its cell, with what it said last', async () => {
    const { error, notebook: done } = await run([
      code('print a'),
      code('crash', ['raises-exception']),
      code('print b'),
    ]);
    expect(error).toMatchObject({ cell: 2, evalue: 'the kernel ended with status 9:\nbroken in two' });
    expect(done.cells[0]?.outputs).toEqual([{ output_type: 'stream', name: 'stdout', text: 'a\n' }]);
    expect(done.cells[2]?.outputs).toEqual([]);
  });

  test('a kernel that does not start is an error with a code, and no folder stays behind', async () => {
    const before = (await readdir(tmpdir())).filter((name) => name.startsWith('npulab-run-'));
    const failing = run([code('value 1')], { command: ['/nonexistent/kernel'] });
    await expect(failing).rejects.toMatchObject({ code: 'runner.kernel-start-failed' });
    const after = (await readdir(tmpdir())).filter((name) => name.startsWith('npulab-run-'));
    expect(after.filter((name) => !before.includes(name))).toEqual([]);
  });
});

describe('parameters', () => {
  test('are injected after the tagged cell, replaced on the next run, and removed without values', async () => {
    const cells = [code('print top'), code('const seed = 1', ['parameters']), code('value 1')];
    const first = await run(cells, { parameters: { seed: 2 } });
    expect(first.notebook.cells.map((cell) => cell.id)).toEqual([
      'print-top',
      'const-seed-1',
      'injected-parameters',
      'value-1',
    ]);
    expect(first.notebook.cells[2]).toMatchObject({
      source: '// Parameters\nconst seed: number = 2;',
      metadata: { tags: ['injected-parameters'] },
      execution_count: 3,
    });
    expect(first.notebook.metadata.papermill).toEqual({ parameters: { seed: 2 } });
    const again = await runNotebook(first.notebook, { folder, command, parameters: { seed: 3 } });
    expect(again.notebook.cells.map((cell) => cell.source)).toContain('// Parameters\nconst seed: number = 3;');
    expect(again.notebook.cells.length).toBe(4);
    const without = await runNotebook(again.notebook, { folder, command });
    expect(without.notebook.cells.length).toBe(3);
    expect(without.notebook.metadata.papermill).toBeUndefined();
  });

  test('open a notebook that has no tagged cell', async () => {
    const { notebook: done } = await run([code('value 1')], { parameters: { name: 'a "quoted" line\n' } });
    expect(done.cells[0]?.source).toBe('// Parameters\nconst name: string = "a \\"quoted\\" line\\n";');
  });

  test('are JSON where they are JSON, text where not', () => {
    const given = ['a=1', 'b=true', 'c=null', 'd=[1,2]', 'e="1"', 'f=sim:rk3568', 'g=x=y', 'h='];
    expect(Object.fromEntries(given.map(parseParameter))).toEqual({
      ...{ a: 1, b: true, c: null, d: [1, 2], e: '1', f: 'sim:rk3568', g: 'x=y', h: '' },
    });
  });

  test.each(['seed', '=1', '1a=2', 'a-b=1'])('%s is refused', (text) => {
    expect(() => parseParameter(text)).toThrow(expect.objectContaining({ code: 'runner.bad-parameter' }));
  });

  test('come as a YAML mapping too, and what is none is refused by name', () => {
    expect(parseParameterText('bits: 4\nname: tiny\nrates: [600, 1000.5]\nraw: "007"\nnone: null', '-y')).toEqual({
      ...{ bits: 4, name: 'tiny', rates: [600, 1000.5], raw: '007', none: null },
    });
    expect(parseParameterText('{"a": {"b": true}}', '-y')).toEqual({ a: { b: true } });
    expect(parseParameterText('', 'empty.yaml')).toEqual({});
    for (const [text, why] of [
      ['[1, 2]', 'p.yaml is not a mapping of names to values'],
      ['a: [1', 'p.yaml is not YAML: '],
      ['not a name: 1', '"not a name" is no TypeScript name'],
    ] as const) {
      expect(() => parseParameterText(text, 'p.yaml')).toThrow(why);
    }
  });

  test('that the tagged cell does not declare are named', () => {
    const defaults = code('const seed = 1;\nlet name = "x";', ['parameters']);
    expect(unknownParameters(notebook(defaults), { seed: 1, sead: 2 })).toEqual(['sead']);
    expect(unknownParameters(notebook(), { sead: 2 })).toEqual([]);
  });
});

describe('the file', () => {
  test('of nbformat 4.0 becomes 4.5 with ids that depend on the text alone', () => {
    const old = JSON.stringify({
      nbformat: 4,
      nbformat_minor: 0,
      metadata: {},
      cells: [
        { cell_type: 'code', source: ['a\n', 'b'], metadata: {}, outputs: [], execution_count: 3 },
        { cell_type: 'markdown', source: 'c', metadata: {} },
      ],
    });
    const read = parseNotebook(old, 'old.ipynb');
    expect(read).toEqual(parseNotebook(old, 'old.ipynb'));
    expect(read.nbformat_minor).toBe(5);
    expect(read.cells.map((cell) => [cell.source, /^[0-9a-f]{8}$/.test(cell.id ?? '')])).toEqual([
      ['a\nb', true],
      ['c', true],
    ]);
  });

  test('gives a second cell with the same id another one', () => {
    const [first, second] = parseNotebook(formatNotebook(notebook(code('x'), code('x'))), 'n').cells;
    expect(first?.id).toBe('x');
    expect(second?.id).toMatch(/^[0-9a-f]{8}$/);
  });

  test('is written with sorted keys, one space, lists of lines, and a newline at the end', () => {
    const cell: Cell = {
      ...code('a\nb\n'),
      outputs: [
        {
          output_type: 'display_data',
          data: { 'text/plain': 'x\ny', 'image/png': 'QQ==\n', 'application/json': { b: 1, a: 2 } },
          metadata: {},
        },
      ],
    };
    const text = formatNotebook({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] });
    expect(text).toBe(`{
 "cells": [
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "a-b-",
   "metadata": {},
   "outputs": [
    {
     "data": {
      "application/json": {
       "a": 2,
       "b": 1
      },
      "image/png": "QQ==\\n",
      "text/plain": [
       "x\\n",
       "y"
      ]
     },
     "metadata": {},
     "output_type": "display_data"
    }
   ],
   "source": [
    "a\\n",
    "b\\n"
   ]
  }
 ],
 "metadata": {},
 "nbformat": 4,
 "nbformat_minor": 5
}
`);
    expect(formatNotebook(parseNotebook(text, 'n'))).toBe(text);
  });

  test.each(['', '{}', '{"nbformat":3,"worksheets":[]}'])('that is no notebook is refused: %s', (text) => {
    expect(() => parseNotebook(text, 'n')).toThrow(expect.objectContaining({ code: 'report.not-a-notebook' }));
  });
});

describe('the time that is left', () => {
  test('is what the cells took last time, else the mean so far', () => {
    expect(remainingMs([], [undefined])).toBeUndefined();
    expect(remainingMs([100, 300], [undefined, undefined])).toBe(400);
    expect(remainingMs([100], [500, undefined])).toBe(500 + 300);
    expect(remainingMs([100], [])).toBe(0);
  });

  test('is read from what a run has stored in a cell', () => {
    const at = (second: number): string => new Date(second * 1000).toISOString();
    const execution = { 'iopub.status.busy': at(1), 'iopub.status.idle': at(3.5) };
    expect(lastDurationMs({ ...code('x'), metadata: { execution } })).toBe(2500);
    expect(lastDurationMs(code('x'))).toBeUndefined();
  });
});
