import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type HistoryEntry, type Past, range, search, tail } from '../../src/protocol/history/history.js';
import { fileHistory } from '../../src/protocol/history/history-file.js';
import { type FrontEnd, startEcho, type TestKernel } from './front-end.js';

const entry = (session: number, line: number, input: string): HistoryEntry => ({
  ...{ session, line, input, output: undefined },
});
const inputs = (entries: readonly HistoryEntry[]): string[] => entries.map(({ input }) => input);

describe('the past', () => {
  const past: Past = {
    session: 3,
    entries: [entry(1, 1, 'a'), entry(1, 2, 'b = 1'), entry(2, 1, 'a'), entry(3, 1, 'c'), entry(3, 2, 'b = 1')],
  };

  test('tail gives the last entries of all sessions', () => {
    expect(inputs(tail(past, 3))).toEqual(['a', 'c', 'b = 1']);
    expect(tail(past, 0)).toEqual([]);
    expect(tail(past, 99)).toHaveLength(5);
  });

  test('range counts sessions from the asking one when they are 0 or negative, and excludes its stop', () => {
    expect(inputs(range(past, 0, 1, undefined))).toEqual(['c', 'b = 1']);
    expect(inputs(range(past, -2, 1, 2))).toEqual(['a']);
    expect(inputs(range(past, 1, 2, undefined))).toEqual(['b = 1']);
    expect(range(past, 9, 1, undefined)).toEqual([]);
  });

  test('search matches whole inputs with * and ?, and unique keeps the newest of equals', () => {
    expect(inputs(search(past, 'b*', undefined, false))).toEqual(['b = 1', 'b = 1']);
    expect(search(past, 'b*', undefined, true)).toEqual([past.entries[4]]);
    expect(inputs(search(past, '?', 2, false))).toEqual(['a', 'c']);
    expect(search(past, 'b', undefined, false)).toEqual([]);
    expect(search(past, '*', 0, false)).toEqual([]);
  });

  test.each([
    ['*', 'two\nlines', true],
    ['a*c*e', 'abcde', true],
    ['a*c*e', 'abcd', false],
    ['[a]', '[a]', true],
    ['[a]', 'a', false],
    ['?', '🦊', true],
    ['**b**', 'aab', true],
    ['', '', true],
    ['', 'a', false],
  ])('%j against %j is %s', (pattern, text, matches) => {
    expect(search({ session: 1, entries: [entry(1, 1, text)] }, pattern, undefined, false)).toHaveLength(+matches);
  });

  test('a pattern of many stars is matched in linear time', () => {
    const long = entry(1, 1, 'a'.repeat(20_000));
    expect(search({ session: 1, entries: [long] }, `${'*a'.repeat(100)}b`, undefined, false)).toEqual([]);
  });
});

describe('a history file', () => {
  let folder: string;
  const log: string[] = [];
  const open = (name: string, file = join(folder, 'deep', 'h.jsonl')) => fileHistory(file, name, (l) => log.push(l));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'npulab-history-'));
    log.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('outlives its kernel, and numbers sessions by their first line', async () => {
    const first = open('x');
    first.input(1, 'one');
    first.output(1, '1');
    await first.flushed();
    const second = open('y');
    second.input(1, 'two');
    expect(await second.past()).toEqual({
      session: 2,
      entries: [
        { session: 1, line: 1, input: 'one', output: '1' },
        { session: 2, line: 1, input: 'two', output: undefined },
      ],
    });
  });

  test('takes lines of two kernels at once and gives each its own number', async () => {
    const [one, two] = [open('x'), open('y')];
    for (let line = 1; line <= 200; line += 1) {
      one.input(line, `x${line}`);
      two.input(line, `y${line}`);
    }
    await Promise.all([one.flushed(), two.flushed()]);
    const [seen, alsoSeen] = await Promise.all([one.past(), two.past()]);
    expect(seen.entries).toEqual(alsoSeen.entries);
    expect([seen.session, alsoSeen.session].sort()).toEqual([1, 2]);
    expect(inputs(range(seen, 0, 1, undefined))).toEqual(Array.from({ length: 200 }, (_, i) => `x${i + 1}`));
    expect(inputs(range(alsoSeen, 0, 1, undefined))).toEqual(Array.from({ length: 200 }, (_, i) => `y${i + 1}`));
  });

  test('is readable by its user alone', async () => {
    const history = open('x');
    history.input(1, 'secret');
    await history.flushed();
    expect((await stat(join(folder, 'deep', 'h.jsonl'))).mode & 0o777).toBe(0o600);
  });

  test('leaves out torn and foreign lines', async () => {
    const path = join(folder, 'h.jsonl');
    const good = { session: 'x', line: 1, input: 'kept' };
    const rows = [JSON.stringify(good), '{"session":"x","li', '7', 'null', '{"session":"x","line":2,"input":3}', ''];
    await writeFile(path, rows.join('\n'));
    expect((await open('y', path).past()).entries).toEqual([{ ...entry(1, 1, 'kept') }]);
  });

  test('keeps the start of a long result', async () => {
    const history = open('x');
    history.input(1, 'long');
    history.output(1, 'r'.repeat(50_000));
    expect((await history.past()).entries[0]?.output).toHaveLength(10_000);
  });

  test('that cannot be written says so once, and cells go on', async () => {
    await writeFile(join(folder, 'deep'), 'a file where the folder should be');
    const history = open('x');
    history.input(1, 'a');
    history.input(2, 'b');
    await history.flushed();
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/cannot be written .* cells are not remembered/);
  });
});

describe('history_request', () => {
  let kernel: TestKernel;
  let front: FrontEnd;
  beforeEach(async () => {
    kernel = await startEcho();
    front = await kernel.connect();
  });
  afterEach(() => kernel.end());

  async function run(code: string, more: object = {}): Promise<void> {
    await front.execute(code, more);
    await front.receive('shell');
  }
  async function ask(content: object): Promise<Record<string, unknown>> {
    await front.send('shell', 'history_request', content);
    return (await front.receive('shell')).content;
  }

  test('lists what was stored, with results on demand; silent and unstored cells are not there', async () => {
    await run('value 7');
    await run('print x');
    await run('value 8', { silent: true });
    await run('value 9', { store_history: false });
    expect(await ask({ hist_access_type: 'tail', n: 5 })).toEqual({
      status: 'ok',
      history: [
        [1, 1, 'value 7'],
        [1, 2, 'print x'],
      ],
    });
    expect((await ask({ hist_access_type: 'range', session: 0, start: 1, stop: 2, output: true })).history).toEqual([
      [1, 1, ['value 7', '7']],
    ]);
    expect((await ask({ hist_access_type: 'search', pattern: 'print*', output: true })).history).toEqual([
      [1, 2, ['print x', null]],
    ]);
  });

  test('knows a cell that is still running, and answers while it runs', async () => {
    await front.execute('wait');
    expect((await ask({ hist_access_type: 'tail', n: 1 })).history).toEqual([[1, 1, 'wait']]);
  });

  test.each([
    [{ hist_access_type: 'sideways' }, 'hist_access_type is tail, range or search'],
    [{ hist_access_type: 'tail', n: 'many' }, 'n is no integer'],
    [{ hist_access_type: 'search', pattern: 5 }, 'pattern is no string'],
  ])('%j is an error reply', async (content, evalue) => {
    expect(await ask(content)).toMatchObject({ status: 'error', ename: 'InvalidRequest', evalue });
  });

  test('is in the file by the time the kernel has closed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'npulab-history-'));
    const path = join(folder, 'h.jsonl');
    const remembering = await startEcho({ history: fileHistory(path, 'x', () => {}) });
    const client = await remembering.connect();
    await client.execute('value 1');
    await client.receive('shell');
    await remembering.end();
    const rows = (await readFile(path, 'utf8')).trim().split('\n');
    expect(rows.map((row) => JSON.parse(row))).toEqual([
      { session: 'x', line: 1, input: 'value 1' },
      { session: 'x', line: 1, output: '1' },
    ]);
    await rm(folder, { recursive: true });
  });
});
