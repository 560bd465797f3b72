import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab, streamText } from './harness.js';

// Node ends a process in which terminated code has not left its contexts: the kernel's child must survive that.
const lab = startLab();
beforeAll(async () => {
  await lab.run(
    'import { AsyncLocalStorage, AsyncResource, createHook } from "node:async_hooks"; const keep = 42; const store = new AsyncLocalStorage<number>(); store.enterWith(1); const started = () => require("node:fs").writeSync(1, "started\\n")',
  );
});
afterAll(() => lab.close());

const spin = 'started(); while (true) {}';
const never = 'await new Promise(() => {})';
const ASYNCHRONOUS: readonly [string, string][] = [
  ['a timer', `setTimeout(() => { ${spin} }, 1); ${never}`],
  ['setImmediate', `setImmediate(() => { ${spin} }); ${never}`],
  ['setInterval', `setInterval(() => { ${spin} }, 1); ${never}`],
  ['code after an await', `await null; ${spin}`],
  ['code after a timer', `await new Promise((r) => setTimeout(r, 1)); ${spin}`],
  ['a microtask', `queueMicrotask(() => { ${spin} }); ${never}`],
  ['process.nextTick', `process.nextTick(() => { ${spin} }); ${never}`],
  ['a file callback', `require("node:fs").readFile("/dev/null", () => { ${spin} }); ${never}`],
  [
    'a network callback',
    `const server = require("node:net").createServer().listen(0, "127.0.0.1", () => { ${spin} }); ${never}`,
  ],
  ['an AsyncResource', `new AsyncResource("ours").runInAsyncScope(() => { ${spin} })`],
  ['a store that is run', `store.run(2, () => setTimeout(() => { ${spin} }, 1)); ${never}`],
];

test.each(ASYNCHRONOUS)(
  'with AsyncLocalStorage in use, an interrupt stops %s and keeps the variables',
  async (_name, code) => {
    const cell = lab.start(code);
    await lab.until(cell.requestId, (all) => streamText(all, 'stdout').startsWith('started\n'));
    await lab.engine.interrupt();
    expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
    const after = await lab.run(
      '[keep, await store.run(7, async () => { await new Promise((r) => setTimeout(r, 1)); return store.getStore() })]',
    );
    expect(after.result).toBe('[ 42, 7 ]');
  },
);

test('the first hook on and the last hook off are noticed as in plain Node', async () => {
  const { result } = await lab.run(`store.disable();
const kinds: string[] = [];
const hook = createHook({ init(_id, kind) { kinds.push(kind) } });
const immediate = () => new Promise((r) => setImmediate(r));
hook.enable(); await immediate(); hook.disable();
const heard = kinds.includes('Immediate'), count = kinds.length;
await immediate();
hook.enable(); await immediate(); hook.disable();
[heard, kinds.length > count, kinds.filter((kind) => kind === 'Immediate').length]`);
  expect(result).toBe('[ true, true, 2 ]');
});

test('nothing is said of what the kernel reads in Node', async () => {
  const own = startLab();
  const ran = await own.run('process.noDeprecation');
  expect([ran.result, ran.stderr]).toEqual([undefined, '']);
  await own.close();
});
