// The Jupyter kernel from outside, over its sockets, beside the kernels that are installed here: same client, same run.
// Every number is a median, of fresh kernels for the starts and of repeated requests for the rest. How to read the rows and
// how to install the peers: docs/bench-kernel.md.
import { before, pssMiB, startKernel } from './_kernel-client.mjs';
import { installed, missing, ours } from './_kernels.mjs';
import { median, percentile } from './_measure.mjs';

/** What is measured: key, name, unit, goal of the design (for the machine it names; ratios carry over). */
const table = [
  ['infoMs', 'spawn to kernel_info', 'ms', '≤ 150'],
  ['firstMs', 'spawn to first result', 'ms', '< 350'],
  ['smallMs', 'small cell, checked', 'ms', '≤ 2.5, ratio ≤ 0.62 of ipykernel'],
  ['smallP95Ms', 'small cell, checked, 95th percentile', 'ms'],
  ['typedMs', 'typed 5-line cell, checked', 'ms', '≤ 4, ratio ≤ 0.8 of ipykernel'],
  ['uncheckedMs', 'small cell, checking off', 'ms', '< 1.0'],
  ['pipelinedMs', '50 cells sent at once, each', 'ms'],
  ['completeMs', 'typed completion', 'ms', '≤ 2'],
  ['inspectMs', 'inspection', 'ms'],
  ['megabytesMs', '10 MB on stdout', 'ms'],
  ['linesMs', '100 000 printed lines', 'ms', 'ratio < 1 of ipykernel'],
  ['growth', 'cell in a session of 300 cells, over a small session', 'x', '< 1.3'],
  ['startMiB', 'memory after the first cell', 'MiB', '< 100'],
  ['endMiB', 'memory after 500 cells', 'MiB', '< 200'],
  ['busyMs', 'control answers while a cell spins', 'ms'],
  ...Object.keys(ours.loops).map((kind) => [`interrupt ${kind}`, `interrupt: ${kind}`, 'ms', '≤ 100']),
];

async function timed(work) {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

async function repeated(count, work) {
  const times = [];
  for (let at = 1; at <= count; at += 1) times.push(await timed(() => work(at)));
  return times.slice(Math.floor(count / 10));
}

/** All numbers of one kernel; where it does not do what is measured, a sentence instead. */
async function measure(kernel) {
  const found = {};
  const attempt = async (key, work) => {
    try {
      found[key] = await work();
    } catch (error) {
      found[key] = error.message;
    }
  };
  const withKernel = async (work) => {
    const started = await startKernel(kernel);
    try {
      return await work(started);
    } finally {
      await started.end();
    }
  };
  const starts = [];
  for (let at = 0; at < 3; at += 1) {
    await withKernel(async (started) => {
      await started.run(kernel.small(0));
      starts.push([started.infoMs, performance.now() - started.began]);
    });
  }
  found.infoMs = median(starts.map(([info]) => info));
  found.firstMs = median(starts.map(([, first]) => first));
  await withKernel(async (started) => {
    const ask = (type, content) => before(20_000, 'reply', started.ask(type, content).replied);
    await started.run(kernel.small(0));
    found.startMiB = pssMiB(started.pid);
    const small = await repeated(100, (at) => started.run(kernel.small(at)));
    [found.smallMs, found.smallP95Ms] = [median(small), percentile(small, 95)];
    await attempt('typedMs', async () => median(await repeated(50, (at) => started.run(kernel.typed(at)))));
    await attempt('uncheckedMs', async () => {
      if (kernel.check === undefined) throw new Error('always checks');
      await started.run(kernel.check.off);
      const times = await repeated(100, (at) => started.run(kernel.small(at)));
      await started.run(kernel.check.on);
      return median(times);
    });
    await attempt('pipelinedMs', async () => {
      const all = () => Promise.all(Array.from({ length: 50 }, (_, at) => started.run(kernel.small(at))));
      return median(await repeated(3, all)) / 50;
    });
    const complete = ([code, cursor_pos]) => ask('complete_request', { code, cursor_pos });
    await attempt('completeMs', async () => median(await repeated(30, (at) => complete(kernel.complete(at)))));
    const inspect = ([code, cursor_pos]) => ask('inspect_request', { code, cursor_pos, detail_level: 0 });
    await attempt('inspectMs', async () => {
      const times = await repeated(30, (at) => inspect(kernel.inspect(at)));
      if (!(await inspect(kernel.inspect(0))).found) throw new Error('always "not found"');
      return median(times);
    });
    await attempt('growth', async () => {
      await repeated(300, (at) => started.run(kernel.declare(at)));
      // Beside a kernel that has run as many cells and holds the names of ten, in turns: V8 and the machine are the same to both.
      return withKernel(async (beside) => {
        await repeated(300, (at) => beside.run(kernel.declare(at % 10)));
        const [large, small] = [[], []];
        for (let at = 0; at < 60; at += 1) {
          large.push(await timed(() => started.run(kernel.declare(at % 10))));
          small.push(await timed(() => beside.run(kernel.declare(at % 10))));
        }
        return median(large) / median(small);
      });
    });
    found.endMiB = pssMiB(started.pid);
  });
  await withKernel(async (started) => {
    await started.run(kernel.small(0));
    await attempt('megabytesMs', async () => median(await repeated(3, () => complete(started, kernel.megabytes, 1e7))));
    await attempt('linesMs', async () => median(await repeated(3, () => complete(started, kernel.lines, 588_890))));
  });
  for (const [kind, code] of Object.entries(kernel.loops)) {
    await withKernel(async (started) => {
      await started.run(kernel.small(0));
      const spinning = started.execute(code);
      await new Promise((resolve) => setTimeout(resolve, 300));
      if (kind === 'while(true)') {
        await attempt('busyMs', () =>
          timed(() => before(3000, 'answer', started.ask('kernel_info_request', {}, 'control').replied)),
        );
      }
      await attempt(`interrupt ${kind}`, () =>
        timed(async () => {
          void started.interrupt();
          const dead = started.died.then(() => Promise.reject(new Error('the kernel dies')));
          await before(3000, 'end of the cell', Promise.race([spinning.done, dead]));
        }),
      );
    });
  }
  return found;
}

/** A cell whose text must be whole when its idle comes. */
async function complete(started, code, length) {
  const { outputs } = await started.run(code);
  const streams = outputs.filter(({ header }) => header.msg_type === 'stream');
  const size = streams.reduce((sum, { content }) => sum + content.text.length, 0);
  if (size < length) throw new Error(`${size} of ${length} characters before idle`);
}

export async function bench() {
  const mine = await measure(ours);
  const others = [];
  for (const peer of installed) others.push([peer.name, await measure(peer)]);
  const rows = [];
  for (const [key, name, unit, goal] of table) {
    const row = { name, unit, ...(goal === undefined ? {} : { goal }) };
    if (typeof mine[key] !== 'number') throw new Error(`${name}: ${mine[key]}`);
    if (others.length === 0) rows.push({ ...row, value: mine[key] });
    for (const [at, [peer, numbers]] of others.entries()) {
      const beside = numbers[key];
      rows.push({
        ...(at === 0 ? row : { name: `${name} (${peer})`, unit }),
        value: mine[key],
        ...(typeof beside === 'number'
          ? { against: { what: `${unit} ${peer}`, value: beside } }
          : { note: `${peer}: ${beside}` }),
      });
    }
  }
  for (const { name, install } of missing) rows.push({ name, value: null, unit: '', note: `not measured: ${install}` });
  return rows;
}
