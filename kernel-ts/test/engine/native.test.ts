/** C code in a cell's process: an addon is compiled for these tests, with the compiler that the lab's own addon needs. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GLOBALS, startLab, streamText } from './harness.js';

const lab = startLab(GLOBALS);
const addon = join(lab.folder, 'native.node');
const LOAD = `const native = require(${JSON.stringify(addon)}) as { print(text: string): void; crash(): void }\n`;

beforeAll(() => {
  const headers = dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json'));
  const source = fileURLToPath(new URL('./files/native.c', import.meta.url));
  const options = ['-shared', '-fPIC', '-Wall', `-I${join(headers, 'include')}`, source, '-o', addon];
  const { status, stderr } = spawnSync(process.env.CC ?? 'cc', options, { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
});
afterAll(() => lab.close());

test('what an addon prints without flushing belongs to the cell that called it, and comes before its end', async () => {
  expect(await lab.run(`${LOAD}native.print("one, no newline")`)).toMatchObject({
    stdout: 'one, no newline',
    stderr: '<one, no newline>',
  });
  expect((await lab.run('native.print("two é")')).stdout).toBe('two é');
  expect((await lab.run('1 + 1')).outputs).toEqual([{ kind: 'result', data: { 'text/plain': '2' }, metadata: {} }]);
});

test('what an addon prints while the cell spins appears while it spins', async () => {
  const cell = lab.start('native.print("seen"); while (true) {}');
  await lab.until(cell.requestId, (all) => streamText(all, 'stdout') === 'seen');
  await lab.engine.interrupt();
  expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
});

test('the means that makes it appear is not left in the environment', async () => {
  expect((await lab.run('Object.keys(process.env).filter((name) => name.includes("STDBUF"))')).result).toBe('[]');
});

test('an addon that crashes costs the variables, says so in its cell, and the next cell runs', async () => {
  const ran = await lab.run('native.print("last words"); native.crash()');
  expect(ran.stdout).toBe('last words');
  expect(ran.traceback).toEqual([
    'ProcessEnded: the process that ran the cell ended: it was ended by SIGSEGV (a fault in native code); the state is lost',
    `log: ${join(lab.folder, 'kernel.log')}`,
    'code: cell.process-ended',
    'remedy: All variables are lost. Run the notebook again from the first cell.',
  ]);
  expect((await lab.run('native')).traceback[0]).toContain("TS2304: Cannot find name 'native'.");
  expect((await lab.run(`${LOAD}native.print("again")`)).stdout).toBe('again');
});
