// A day at the notebook in one go: cells of every kind, 10 000 by default (NPULAB_SOAK_CELLS), in one kernel. Memory and
// the time of a cell must not grow.
import { pssMiB, startKernel } from './_kernel-client.mjs';
import { ours } from './_kernels.mjs';
import { median } from './_measure.mjs';

const cells = Number(process.env.NPULAB_SOAK_CELLS ?? 10_000);
const step = Math.ceil(cells / 20);

/** What people do, in turns: compute, declare, declare again, print, display, await, fail a check, throw, import, redefine types. */
const kinds = [
  (at) => [`${at} + 1`],
  (at) => [`const value${at % 200} = ${at}; function twice${at % 200}(n: number) { return 2 * n + value${at % 200}; }`],
  (at) => [`twice${(at - 1) % 200}(${at})`],
  (at) => [`for (let line = 0; line < 20; line++) console.log('line', line, ${at})`],
  (at) => [`await display(html\`<b>\${${at}}</b>\`)`],
  (at) => [`await new Promise((resolve) => setTimeout(resolve, 1, ${at}))`],
  (at) => [`const wrong: string = ${at}`, 'TypeCheckError'],
  (at) => [`throw new RangeError('cell ${at}')`, 'RangeError'],
  (at) => [`import { join } from 'node:path'\njoin('a', '${at}')`],
  (at) => [
    `interface Shape${at % 50} { side: number; at: ${at} }\nconst shape${at % 50}: Shape${at % 50} = { side: 1, at: ${at} }; shape${at % 50}`,
  ],
];

export async function bench() {
  const kernel = await startKernel(ours);
  try {
    const times = [];
    let [settledMiB, mostMiB] = [0, 0];
    for (let at = 0; at < cells; at += 1) {
      const [code, fails] = kinds[at % kinds.length](at);
      const from = performance.now();
      const { reply, outputs } = await kernel.execute(code).done;
      if ((reply.ename ?? undefined) !== fails)
        throw new Error(`cell ${at} ended with ${reply.ename ?? 'ok'}: ${reply.evalue}`);
      if (at % kinds.length === 0) {
        times.push(performance.now() - from);
        if (outputs.filter(({ header }) => header.msg_type === 'execute_result').length !== 1)
          throw new Error('a result is missing');
      }
      if (at % step !== step - 1) continue;
      const now = pssMiB(kernel.pid);
      // What is loaded once and what is declared once has come by then.
      if (at < cells / 5) settledMiB = now;
      mostMiB = Math.max(mostMiB, now);
    }
    const part = Math.min(100, Math.floor(times.length / 4));
    const first = median(times.slice(5, 5 + part));
    const last = median(times.slice(-part));
    return [
      {
        name: `small cell, last ${part} of ${cells} cells`,
        value: last,
        unit: 'ms',
        against: { what: `ms, first ${part}`, value: first },
        goal: 'ratio ≤ 1.3',
      },
      {
        name: 'most memory of the kernel and its processes',
        value: mostMiB,
        unit: 'MiB',
        against: { what: 'MiB after a fifth of the cells', value: settledMiB },
        goal: 'ratio ≤ 1.2',
      },
    ];
  } finally {
    await kernel.end();
  }
}
