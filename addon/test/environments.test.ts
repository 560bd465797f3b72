import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

const built = new URL('../dist/index.js', import.meta.url).href;

/** Runs a module in its own process. */
function run(
  source: string,
  head = `import * as addon from '${built}';`,
): { status: number | null; signal: string | null; output: string } {
  const args = ['--expose-gc', '--input-type=module', '-e', `${head}\n${source}`];
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd,
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { status, signal, output: (stdout + stderr).trim() };
}

const longWork = `
const n = 4000, big = new Float32Array(n * n).fill(0.5);
const work = () => addon.matmulF32(big, big, new Float32Array(n * n), { m: n, k: n, n });
`;

test('several worker threads use the addon at once, each with its own state', async () => {
  const source = `
    const { parentPort } = require('node:worker_threads');
    import('${built}').then(async (addon) => {
      const [m, k, n] = [60, 300, 50];
      const c = new Float32Array(m * n);
      await addon.matmulF32(new Float32Array(m * k).fill(2), new Float32Array(n * k).fill(3), c, { m, k, n });
      parentPort.postMessage(c.every((value) => value === 1800));
    });`;
  const answers = [1, 2, 3].map(
    () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(source, { eval: true });
        worker.once('message', resolve).once('error', reject);
      }),
  );
  expect(await Promise.all(answers)).toEqual([true, true, true]);
});

test('a worker terminated during work takes its job with it and leaves the rest alone', () => {
  const { status, output } = run(`
    import { Worker } from 'node:worker_threads';
    const worker = new Worker(\`
      import('${built}').then((addon) => {
        ${longWork}
        work(); work(); work(); work(); work(); work();
        require('node:worker_threads').parentPort.postMessage('started');
      });\`, { eval: true, execArgv: [] });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    const out = new Float32Array(100000);
    await addon.add(new Float32Array(100000).fill(1), new Float32Array(100000).fill(2), out);
    console.log(out.every((value) => value === 3));
  `);
  expect({ status, output }).toEqual({ status: 0, output: 'true' });
});

test('a worker that was the only user of the addon ends, and the threads that waited inside do no harm', () => {
  const { status, signal, output } = run(
    `
    import { Worker } from 'node:worker_threads';
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(\`
        import('${built}').then(async (addon) => {
          const n = 300, big = new Float32Array(n * n).fill(0.5);
          await addon.matmulF32(big, big, new Float32Array(n * n), { m: n, k: n, n });
        });\`, { eval: true, execArgv: [] });
      await new Promise((resolve) => worker.once('exit', resolve));
    }
    console.log('whole');
  `,
    '',
  );
  expect({ status, signal, output }).toEqual({ status: 0, signal: null, output: 'whole' });
});

test('process.exit during work ends the process with the code asked for', () => {
  const { status, signal } = run(`${longWork} work(); work(); setImmediate(() => process.exit(7));`);
  expect({ status, signal }).toEqual({ status: 7, signal: null });
});

test('an uncaught error during work ends the process as usual', () => {
  const { status, output } = run(`${longWork} work(); setImmediate(() => { throw new Error('on purpose'); });`);
  expect(status).toBe(1);
  expect(output).toContain('on purpose');
});

test('a pending call keeps the process alive, a finished one does not', () => {
  const { status, output } = run(`
    const out = new Float32Array(200000);
    addon.add(out, out, out).then(() => console.log('done'));
  `);
  expect({ status, output }).toEqual({ status: 0, output: 'done' });
});

test('arrays nobody else holds survive garbage collection while a kernel reads them', () => {
  const { status, output } = run(`
    const n = 600;
    const call = () => {
      const c = new Float32Array(n * n);
      return addon.matmulF32(new Float32Array(n * n).fill(2), new Float32Array(n * n).fill(1), c, { m: n, k: n, n }).then(() => c);
    };
    const calls = [call(), call(), call()];
    for (let i = 0; i < 20; i++) { gc(); new Float32Array(n * n).fill(9); }
    const results = await Promise.all(calls);
    console.log(results.every((c) => c.every((value) => value === 2 * n)));
  `);
  expect({ status, output }).toEqual({ status: 0, output: 'true' });
});

test('pinned arrays are let go when the call has ended', () => {
  const { status, output } = run(`
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const call = async () => {
      const arrays = [0, 1, 2].map(() => new Float32Array(100000));
      for (const array of arrays) registry.register(array);
      await addon.add(...arrays);
    };
    for (let i = 0; i < 5; i++) await call();
    for (let i = 0; i < 20 && collected < 15; i++) { gc(); await new Promise((resolve) => setImmediate(resolve)); }
    console.log(collected);
  `);
  expect({ status, output }).toEqual({ status: 0, output: '15' });
});
