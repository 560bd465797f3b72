/** `using` in every place, with what Node 20 lacks of it. */
import { afterAll, expect, test } from 'vitest';
import { GLOBALS, startLab } from './harness.js';

const lab = startLab(GLOBALS);
afterAll(() => lab.close());

test('a disposal that throws after the block threw gives both errors, in a cell and in a file', async () => {
  const block = 'using a = { [Symbol.dispose]() { throw new Error("disposal") } }; throw new Error("block")';
  lab.write('fails.ts', `export function fails(): void { ${block} }`);
  for (const code of [`{ ${block} }`, "import { fails } from './fails.ts'\nfails()"]) {
    const { outcome, traceback } = await lab.run(code);
    expect(outcome).toMatchObject({ status: 'error', ename: 'SuppressedError' });
    expect(traceback.filter((line) => !line.startsWith('    at'))).toEqual([
      'SuppressedError: An error was suppressed during disposal.',
      '  thrown while disposing: Error: disposal',
      '  after: Error: block',
    ]);
  }
});

test('at the top level of a cell they come one behind the other', async () => {
  const { outcome, traceback } = await lab.run(
    'using top = { [Symbol.dispose]() { throw new RangeError("disposal") } }\nthrow new Error("cell")',
  );
  expect(outcome).toMatchObject({ ename: 'Error', evalue: 'cell' });
  expect(traceback.filter((line) => !line.startsWith('    at'))).toEqual([
    'Error: cell',
    'then, while disposing: RangeError: disposal',
  ]);
});

test('the stacks that the types promise are there: they dispose of the newest first, once, and keep every failure', async () => {
  const ran = await lab.run(`const gone: string[] = [];
const open = (name: string) => ({ [Symbol.dispose]: () => void gone.push(name) });
const outer = new DisposableStack();
outer.use(open('first')); outer.adopt('second', (name) => gone.push(name)); outer.defer(() => gone.push('third'));
outer.use(null);
{ using moved = outer.move(); gone.push(String(outer.disposed), String(moved.disposed)) }
outer.dispose();
gone`);
  expect(ran.result).toBe("[ 'true', 'false', 'third', 'second', 'first' ]");
  const failing = await lab.run(`const stack = new AsyncDisposableStack();
stack.defer(async () => { throw new Error('one') }); stack.use({ async [Symbol.asyncDispose]() { throw new Error('two') } });
const caught = await stack.disposeAsync().catch((error: SuppressedError) => error) as SuppressedError;
[caught instanceof SuppressedError, caught instanceof Error, String(caught.error), String(caught.suppressed), stack.disposed]`);
  expect(failing.result).toBe("[ true, true, 'Error: one', 'Error: two', true ]");
  const late = await lab.run('const closed = new DisposableStack(); closed.dispose(); closed.defer(() => {})');
  expect(late.outcome).toMatchObject({ ename: 'ReferenceError' });
  expect((await lab.run('new DisposableStack().use({} as never)')).outcome).toMatchObject({ ename: 'TypeError' });
});

test('an error of a worker thread shows the lines of its code and none of Node', async () => {
  const { requestId } = await lab.run(`import { Worker } from 'node:worker_threads'
const worker = new Worker('throw new Error("in the worker")', { eval: true }); await new Promise((done) => worker.once('exit', done))`);
  const all = await lab.until(requestId, (outputs) =>
    outputs.some((one) => one.kind === 'stream' && one.text.includes('in the worker')),
  );
  const text = all.map((one) => (one.kind === 'stream' ? one.text : '')).join('');
  expect(text).toMatch(/^Uncaught Error: in the worker\n {4}at \[worker eval\]:1:7\n/);
  expect(text).not.toContain('node:internal');
});
