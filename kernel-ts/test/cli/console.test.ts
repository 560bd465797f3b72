/** `npulab console` from a pipe, with the real kernel; `test/jupyter/test_console.py` drives it in a terminal. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { RealKernel } from '../kernel/real-kernel.js';

const launcher = fileURLToPath(new URL('../../bin/npulab.js', import.meta.url));

function talk(text: string, ...args: string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [launcher, 'console', ...args]);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    out += more;
  });
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    err += more;
  });
  child.stdin.end(text);
  return new Promise((done) => child.once('close', (status) => done({ status, out, err })));
}

test('cells from a pipe: several lines, results, errors, a question, progress once, pictures as text, no colours', async () => {
  const { status, out, err } = await talk(`const a: number = 20
function twice(x: number) {

  return x * 2
}
twice(a)
console.error('warned')
const b: string = 5
const who = await input('who? ')
Ada
who
const p = progress('copy', 3); p.update(1); p.update(2); p.done()
svg\`<svg/>\`
twice?
throw new RangeError('up')
process.stdout.write('no newline')
`);
  expect(out).toBe(`Out[3]: 40
Out[7]: 'Ada'
copy · done · 3
Out[9]: [SVG picture]
(function) twice: (x: number) => number
no newline
Out[11]: true
`);
  expect(err).toContain('warned\ncell 5, line 1:7 - TS2322');
  expect(err).toContain('RangeError: up\n    at (cell 10, line 1:7)\n');
  expect(status).toBe(0);
});

test('two empty lines end a cell that stands open', async () => {
  const { out, err } = await talk('if (true) {\n\n\n"next"\n');
  expect(err).toContain('code: cell.syntax');
  expect(out).toBe("Out[2]: 'next'\n");
});

test('--existing talks to a kernel that runs, and leaves it running', async () => {
  using kernel = await RealKernel.start();
  await kernel.run('const shared = 41');
  expect((await talk('shared + 1\n', '--existing', `${kernel.folder}/connection.json`)).out).toBe('Out[2]: 42\n');
  const { status } = await kernel.ask('control', 'kernel_info_request');
  expect([status, kernel.process.exitCode]).toEqual(['ok', null]);
});
