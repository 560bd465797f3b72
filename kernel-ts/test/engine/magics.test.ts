import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cellText } from '../../src/engine/front/analyze.js';
import { GLOBALS, type Lab, type Ran, startLab } from './harness.js';

let lab: Lab;
beforeAll(() => {
  lab = startLab(GLOBALS);
});
afterAll(() => lab.close());

const displays = (ran: Ran): unknown[] => ran.outputs.filter((output) => output.kind === 'display');
const TIME = expect.stringMatching(/^time: [\d.e+]+ (s|ms|µs|ns)$/);

describe('the text of a cell', () => {
  test.each([
    ['%time f()', '      f()'],
    ['a;\n  %who', 'a;\n      '],
    ['%env A=b c\nx', '          \nx'],
    ['#| echo: false\n%help', '// echo: false\n     '],
  ])('%j is %j: positions stay', (code, text) => {
    expect(cellText(code)).toBe(text);
    expect(text).toHaveLength(code.length);
  });

  test.each(['`\n%time x\n`', '/*\n%who\n*/', 'f(\n%time\n)', 'a\n% time', '%times x', '5 %time', '%Time x'])(
    '%j has no magic',
    (code) => {
      expect(cellText(code)).toBe(code);
    },
  );
});

describe('%time', () => {
  test('keeps the value of an expression, also an awaited one, and shows the time as volatile', async () => {
    const ran = await lab.run('%time await Promise.resolve([1, 2])');
    expect(ran.result).toBe('[ 1, 2 ]');
    expect(displays(ran)).toEqual([
      { kind: 'display', data: { 'text/plain': TIME }, metadata: { npulab: { volatile: true } }, update: false },
    ]);
  });

  test('takes a declaration over several lines, whose names stay', async () => {
    const ran = await lab.run('let before = 1\n%time const timedName = [\n  1, before,\n].length\ntimedName');
    expect(ran.result).toBe('2');
    expect(displays(ran)).toHaveLength(1);
    expect((await lab.run('timedName')).result).toBe('2');
  });

  test('leaves line and column of errors as typed', async () => {
    const wrong = await lab.run('0;\n%time lab.answr');
    expect(wrong.traceback.join('\n')).toMatch(/cell \d+, line 2:11 - TS2551/);
    const thrown = await lab.run("0;\n%time (() => { throw new Error('x') })()");
    expect(thrown.traceback.join('\n')).toMatch(/cell \d+, line 2/);
  });

  test('without code says how it is used', async () => {
    expect((await lab.run('%time')).stdout).toMatch(/^Usage: %time CODE/);
  });
});

describe('%timeit', () => {
  const REPORT = expect.stringMatching(
    /^median [\d.e+]+ (s|ms|µs|ns) \(min .* max .*; 7 runs of \d+, after a warm-up\)$/,
  );

  test('repeats an expression and leaves no result', async () => {
    const ran = await lab.run('let calls = 0;\n%timeit calls++');
    expect(ran.result).toBeUndefined();
    expect(displays(ran)).toMatchObject([{ data: { 'text/plain': REPORT } }]);
    expect(Number((await lab.run('calls')).result)).toBeGreaterThan(7);
  });

  test('waits for what the code awaits, and takes a statement', async () => {
    const ran = await lab.run('%timeit await new Promise((done) => setTimeout(done, 25))');
    expect(displays(ran)).toMatchObject([
      { data: { 'text/plain': expect.stringMatching(/^median \d+\.?\d* ms .* 7 runs of 1,/) } },
    ]);
    expect(displays(await lab.run('%timeit for (let i = 0; i < 10; i++) Math.sqrt(i)'))).toHaveLength(1);
  });
});

test('%env sets a variable, shows it, and lists without secrets', async () => {
  expect((await lab.run('%env NPULAB_TEST_WORD = two words')).stdout).toBe('NPULAB_TEST_WORD=two words\n');
  expect((await lab.run('%env NPULAB_TEST_WORD\nprocess.env.NPULAB_TEST_WORD')).stdout).toBe('two words\n');
  expect((await lab.run('%env NPULAB_TEST_NONE')).stdout).toBe('NPULAB_TEST_NONE is not set\n');
  await lab.run('%env NPULAB_TEST_TOKEN=abc');
  const { stdout } = await lab.run('%env');
  expect(stdout).toContain('NPULAB_TEST_WORD=two words\n');
  expect(stdout).toContain('NPULAB_TEST_TOKEN=(hidden; %env NAME shows it)\n');
});

test('%who lists the names of cells with type and value, in a fresh process too', async () => {
  const fresh = startLab(GLOBALS);
  try {
    expect((await fresh.run('%who')).stdout).toBe('No cell has declared a name yet.\n');
    await fresh.run('const list = [1, 2]; class Point { x = 1 } function f() {} type T = number; let text = "a\\nb";');
    await fresh.run("throw new Error('x'); let never = 1");
    expect((await fresh.run('%who')).stdout).toBe(
      "Point  Function  [class Point]\nf      Function  [Function: f]\nlist   Array     [ 1, 2 ]\ntext   String    'a\\nb'\n",
    );
  } finally {
    await fresh.close();
  }
});

test('%help names the magics and the names of the kernel', async () => {
  const { stdout } = await lab.run('%help');
  expect(stdout).toMatch(/%time CODE.*%timeit CODE.*%env.*%who.*Names: lab/s);
});

test('a cell of magics is complete, and completion still works behind one', async () => {
  expect(await lab.engine.isComplete('%who')).toEqual({ status: 'complete' });
  const { matches } = await lab.engine.complete('%time lab.ans', 13);
  expect(matches.map(({ text }) => text)).toEqual(['answer']);
});

test('a magic that there is not is named, with the place of the list; a remainder is no magic', async () => {
  const ran = await lab.run('const a = 7\n  %nope 1');
  expect(ran.traceback.slice(0, 3)).toEqual([
    `cell ${ran.requestId.slice(8)}, line 2:3 - There is no magic %nope; %help lists them.`,
    '2 |   %nope 1',
    '  |   ^^^^^',
  ]);
  expect((await lab.run('const b = 7, rest = 4;\n[b\n  %rest]')).result).toBe('[ 3 ]');
});
