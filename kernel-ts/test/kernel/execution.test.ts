/** Execution and ordering (EX of the acceptance list), through the sockets of the real kernel. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RealKernel } from './real-kernel.js';

let kernel: RealKernel;
beforeAll(async () => {
  kernel = await RealKernel.start();
});
afterAll(() => kernel[Symbol.dispose]());

/** Cells that are all in the queue before the first of them runs: another one holds it up until then. */
async function queued(cells: readonly (readonly [code: string, more?: object])[]): Promise<string[]> {
  const holding = await kernel.front.execute('await input("go on?")', { allow_stdin: true });
  const question = await kernel.front.receive('stdin');
  const ids: string[] = [];
  for (const [code, more] of cells) ids.push(await kernel.front.execute(code, more));
  await kernel.ask('shell', 'kernel_info_request'); // answered: all before it have arrived
  await kernel.front.send('stdin', 'input_reply', { value: '' }, { parent: question.header });
  await kernel.ended(holding);
  return ids;
}

test('all output of a cell comes before its idle, also what its timers, promises and child processes print', async () => {
  const ran = await kernel.run(`import { spawn } from 'node:child_process';
console.log('one');
await new Promise((done) => spawn('echo', ['two'], { stdio: 'inherit' }).on('close', done));
setTimeout(() => console.log('three'), 1);
await new Promise((done) => setTimeout(done, 5));
display({ 'text/plain': 'four' });
process.stdout.write('five');
6`);
  expect(ran.stdout).toBe('one\ntwo\nthree\nfive');
  expect(ran.kinds.slice(0, 2)).toEqual(['status:busy', 'execute_input']);
  expect(ran.kinds.slice(-2)).toEqual(['execute_result', 'status:idle']);
});

test.each([
  ['6 * 7', '42'],
  ['"a\\nb"', "'a\\nb'"],
  ['({ a: [1, { b: 2 }] })', '{ a: [ 1, { b: 2 } ] }'],
  ['null', 'null'],
  ['await Promise.resolve(5)', '5'],
  ['new Map([[1, 2]])', 'Map(1) { 1 => 2 }'],
  ['10n', '10n'],
])('the value of %s is a result in plain text without colour codes', async (code, text) => {
  const { result, reply, iopub } = await kernel.run(code);
  expect(result).toEqual({ 'text/plain': text });
  const shown = iopub.find(({ header }) => header.msg_type === 'execute_result');
  expect(shown?.content).toMatchObject({ execution_count: reply.execution_count, metadata: {} });
});

test.each(['', '// only a comment', 'const declared = 1', 'undefined', 'function f() {}', 'type T = 1', ';', '\n\n'])(
  'the cell %j gives no result',
  async (code) => {
    const { kinds, reply } = await kernel.run(code);
    expect(reply.status).toBe('ok');
    expect(kinds).toEqual(['status:busy', 'execute_input', 'status:idle']);
  },
);

test('the count is one in input, result, error and reply, and grows by one, errors of every kind included', async () => {
  const counts: number[] = [];
  for (const code of ['1', 'throw 1', 'const n: number = "type"', 'const = syntax', '']) {
    const { reply, iopub } = await kernel.run(code);
    const input = iopub.find(({ header }) => header.msg_type === 'execute_input');
    expect(input?.content).toEqual({ code, execution_count: reply.execution_count });
    counts.push(reply.execution_count);
  }
  expect(counts).toEqual(counts.map((_, index) => counts[0]! + index));
});

test('silent runs without input, result and count; store_history false without count', async () => {
  const before = (await kernel.run('0')).reply.execution_count;
  const silent = await kernel.run('var quiet = 3; console.log("said"); quiet', { silent: true });
  expect(silent.kinds).toEqual(['status:busy', 'stream', 'status:idle']);
  const unstored = await kernel.run('quiet', { store_history: false });
  expect([unstored.result['text/plain'], unstored.reply.execution_count]).toEqual(['3', before + 1]);
  expect((await kernel.run('quiet')).reply.execution_count).toBe(before + 1);
});

test('a silent cell that fails still says why in its reply', async () => {
  const { reply, kinds } = await kernel.run('throw new RangeError("hidden")', { silent: true });
  expect(reply).toMatchObject({ status: 'error', ename: 'RangeError', evalue: 'hidden' });
  expect(kinds).not.toContain('execute_input');
});

test('after an error what was queued is refused and not run; what comes later runs', async () => {
  const ids = await queued([['var ran = 0; throw new Error("stop")'], ['ran = 1'], ['ran = 2']]);
  const ended = [];
  for (const id of ids) ended.push(await kernel.ended(id));
  expect(ended.map(({ reply }) => [reply.status, reply.ename])).toEqual([
    ['error', 'Error'],
    ['error', 'NotRun'],
    ['error', 'NotRun'],
  ]);
  for (const { reply, kinds } of ended.slice(1)) {
    expect(typeof reply.execution_count).toBe('number');
    expect(kinds).toEqual(['status:busy', 'status:idle']);
  }
  expect((await kernel.run('ran')).result['text/plain']).toBe('0');
});

test('a type error stops the queue like any other, and stop_on_error false lets it run', async () => {
  const [first = '', second = ''] = await queued([['const wrong: string = 5'], ['"never"']]);
  expect((await kernel.ended(first)).reply.ename).toBe('TypeCheckError');
  expect((await kernel.ended(second)).reply.ename).toBe('NotRun');
  const [third = '', fourth = ''] = await queued([['throw 1', { stop_on_error: false }], ['"runs"']]);
  expect((await kernel.ended(third)).reply.status).toBe('error');
  expect((await kernel.ended(fourth)).result['text/plain']).toBe("'runs'");
});

test('user expressions give bundles or their own errors, and none fails the cell', async () => {
  const { reply } = await kernel.run('const base = 20;', {
    user_expressions: {
      ...{ sum: 'base + 1', rich: 'html`<b>x</b>`', awaited: 'await Promise.resolve(base)' },
      ...{ thrown: '(() => { throw new TypeError("own") })()', unknown: 'nowhere', broken: '1 +' },
    },
  });
  expect(reply.status).toBe('ok');
  const { sum, rich, awaited, thrown, unknown, broken } = reply.user_expressions;
  expect(sum).toEqual({ status: 'ok', data: { 'text/plain': '21' }, metadata: {} });
  expect(rich.data).toEqual({ 'text/html': '<b>x</b>', 'text/plain': 'x' });
  expect(awaited.data).toEqual({ 'text/plain': '20' });
  expect(thrown).toMatchObject({ status: 'error', ename: 'TypeError', evalue: 'own' });
  expect([unknown.status, unknown.ename]).toEqual(['error', 'ReferenceError']);
  expect([broken.status, broken.ename]).toEqual(['error', 'SyntaxError']);
});

test('80 cells sent at once run in order, each with its own reply, output and idle', async () => {
  await kernel.run('let order: number[] = []');
  const ids: string[] = [];
  for (let index = 0; index < 80; index += 1) {
    ids.push(await kernel.front.execute(`order.push(${index}); console.log("cell ${index}"); ${index}`));
  }
  for (const [index, id] of ids.entries()) {
    const ran = await kernel.ended(id);
    expect([ran.stdout, ran.result['text/plain']]).toEqual([`cell ${index}\n`, `${index}`]);
  }
  expect((await kernel.run('order.every((value, index) => value === index) && order.length')).result).toEqual({
    'text/plain': '80',
  });
});

test('a cell run again under its id replaces its older text for the checker', async () => {
  const cellId = { cellId: 'shape' };
  await kernel.run('interface Shape { side: number }\nconst shape: Shape = { side: 2 }', {}, cellId);
  expect((await kernel.run('shape.side + 1')).result['text/plain']).toBe('3');
  await kernel.run('interface Shape { radius: number }\nconst shape: Shape = { radius: 5 }', {}, cellId);
  expect((await kernel.run('shape.radius')).result['text/plain']).toBe('5');
  expect((await kernel.run('shape.side')).reply.evalue).toContain("TS2339: Property 'side' does not exist");
});

test('leading option lines are no code and move no line', async () => {
  const ran = await kernel.run('#| label: fig-1\n//| echo: false\n\nthrow new Error("here")');
  expect(ran.reply.traceback[1]).toMatch(/line 4:7\)$/);
  expect((await kernel.run('#| label: only options')).reply.status).toBe('ok');
});
