// The board's agent as a board would run it: the static aarch64 binary under qemu-aarch64-static, the TypeScript client over
// TCP, one matrix product compared with a plain loop, a clean end. `node test/board/smoke.mjs`, after `npm run build:board`.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from '@npulab/board';
import { boardAgent } from '../../scripts/board.mjs';

const [m, k, n] = [5, 96, 48];
/** Emulation is slow; a machine under load is slower. */
const deadlineMs = 120_000;

const noise = (length, step) => Int8Array.from({ length }, (_, index) => ((index * step) % 255) - 127);

async function product(board) {
  const [a, b] = [noise(m * k, 37), noise(n * k, 91)];
  const [bufferA, bufferB, bufferC] = await Promise.all(
    [m * k, n * k, m * n * 4].map((bytes) => board.memory.allocate(bytes)),
  );
  await bufferA.write(a);
  await bufferB.write(b);
  const operand = (buffer) => ({ buffer });
  const task = await board.tasks.submit({
    ...{ kind: 'matmulInt8', m, k, n },
    ...{ a: operand(bufferA), b: operand(bufferB), c: operand(bufferC) },
  });
  const report = await task.wait({ timeoutMs: deadlineMs });
  strictEqual(report.operations[0].macs, m * k * n);
  const wanted = Int32Array.from({ length: m * n }, (_, index) => {
    const [row, column] = [Math.floor(index / n), index % n];
    return a.subarray(row * k, row * k + k).reduce((sum, value, at) => sum + value * b[column * k + at], 0);
  });
  deepStrictEqual(new Int32Array((await bufferC.read()).buffer), wanted);
  return report;
}

async function smoke(backend) {
  const folder = mkdtempSync(join(tmpdir(), 'npulab-smoke-'));
  const options = ['--listen', 'tcp://127.0.0.1:0', '--backend', backend, '--until-stdin-closes'];
  const paths = ['--store', join(folder, 'store'), '--log', join(folder, 'log')];
  const agent = spawn('qemu-aarch64-static', [boardAgent, ...options, ...paths], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(agent, 'exit');
  const late = setTimeout(() => agent.kill('SIGKILL'), deadlineMs);
  try {
    const lines = createInterface({ input: agent.stdout });
    const [first] = await Promise.race([once(lines, 'line'), ended.then(() => ['{}'])]);
    const { listen } = JSON.parse(first);
    ok(listen, 'the agent ended before it said where it listens');
    const board = await connect(listen, { timeoutMs: deadlineMs });
    strictEqual(board.info.backend, backend);
    const report = await product(board);
    const time = report.modelledUs === null ? 'not modelled' : `${report.modelledUs.toFixed(1)} us modelled`;
    process.stdout.write(
      `${backend} under emulation: ${board.info.os}, ${board.info.kernelIsa}; product right, ${time}\n`,
    );
    await board.close();
    agent.stdin.end();
    deepStrictEqual(await ended, [0, null]);
  } finally {
    clearTimeout(late);
    agent.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A board without the vendor's driver says so, and what is missing. */
async function withoutCard() {
  const options = ['--listen', 'tcp://127.0.0.1:0', '--backend', 'drm'];
  const agent = spawn('qemu-aarch64-static', [boardAgent, ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  agent.stderr.on('data', (bytes) => {
    text += bytes;
  });
  const [status] = await once(agent, 'close');
  strictEqual(status, 2, text);
  ok(/--backend drm: .*(cardN|card is the NPU)/.test(text), text);
  process.stdout.write(`drm under emulation, no card: ${text}`);
}

await smoke('sim:rk3568');
await smoke('cpu');
if (!existsSync('/dev/dri')) await withoutCard();
