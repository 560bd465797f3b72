// The Jupyter kernel from outside, over its sockets: start, round trips with full type checking, completion, interrupt.
// Beside it ipykernel on the same client, where the tests' virtual environment has one.
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connectClient } from '../../kernel-ts/dist/report/runner/client.js';
import { kernelCommand, startKernel } from '../../kernel-ts/dist/report/runner/kernel-process.js';
import { median } from './_measure.mjs';

const root = join(import.meta.dirname, '../..');
const python = process.env.NPULAB_PYTHON ?? join(root, '.venv/bin/python');

const ours = {
  command: kernelCommand,
  small: (at) => `${at} + 1`,
  typed: (at) =>
    `interface Point${at} { x: number; y: number }\nconst p${at}: Point${at} = { x: ${at}, y: 2 };\nfunction norm${at}(p: Point${at}): number {\n  return Math.hypot(p.x, p.y);\n}\nnorm${at}(p${at})`,
  loop: 'while (true) {}',
  complete: ['const text = "x"; text.toUp', 27],
};
const ipython = {
  command: [python, '-m', 'ipykernel_launcher', '-f', '{connection_file}'],
  small: (at) => `${at} + 1`,
  typed: (at) =>
    `class Point${at}:\n  def __init__(self, x: int, y: int):\n    self.x, self.y = x, y\np${at} = Point${at}(${at}, 2)\n(p${at}.x ** 2 + p${at}.y ** 2) ** 0.5`,
  loop: 'while True: pass',
  complete: ['text = "x"\ntext.upp', 19],
};

async function timed(work) {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

async function measure(kernel) {
  const began = performance.now();
  const process_ = await startKernel(tmpdir(), kernel.command);
  const client = connectClient(process_.connection);
  try {
    const run = (code) => client.kernel.requestExecute({ code }).done;
    await client.kernel.info;
    const infoMs = performance.now() - began;
    await run(kernel.small(0));
    const firstMs = performance.now() - began;
    const repeat = async (count, work) => {
      const taken = [];
      for (let at = 1; at <= count; at += 1) taken.push(await timed(() => work(at)));
      return median(taken.slice(Math.floor(count / 10)));
    };
    const smallMs = await repeat(100, (at) => run(kernel.small(at)));
    const typedMs = await repeat(50, (at) => run(kernel.typed(at)));
    const [code, cursor_pos] = kernel.complete;
    const completeMs = await repeat(30, () => client.kernel.requestComplete({ code, cursor_pos }));
    const spinning = run(kernel.loop);
    await new Promise((next) => setTimeout(next, 300));
    const interruptMs = await timed(async () => {
      await client.interrupt();
      await spinning;
    });
    await client.shutdown();
    return { infoMs, firstMs, smallMs, typedMs, completeMs, interruptMs };
  } finally {
    client.close();
    await process_.end(2000);
  }
}

async function medians(kernel, runs) {
  const taken = [];
  for (let at = 0; at < runs; at += 1) taken.push(await measure(kernel));
  return Object.fromEntries(Object.keys(taken[0]).map((key) => [key, median(taken.map((row) => row[key]))]));
}

export async function bench() {
  const mine = await medians(ours, 7);
  const peer = existsSync(join(dirname(python), 'jupyter')) ? await medians(ipython, 7) : undefined;
  const row = (name, key, goal) => ({
    ...{ name, value: mine[key], unit: 'ms', goal },
    ...(peer === undefined ? {} : { against: { what: 'ms ipykernel', value: peer[key] } }),
  });
  return [
    row('spawn to kernel_info', 'infoMs', '≤ 150'),
    row('spawn to first result', 'firstMs', '< 350'),
    row('small cell, checked', 'smallMs', '≤ 2.5'),
    row('typed 5-line cell, checked', 'typedMs', '≤ 4'),
    row('typed completion', 'completeMs', '≤ 2'),
    row('interrupt of an endless loop', 'interruptMs', '≤ 100'),
  ];
}
