// TinyLlama at full size (1.1 G parameters, random int8 weights) on the simulated board: can one work with it? Host times
// are this machine's; modelled ones the simulator's clock. Needs 4 GiB of memory and 3 GB of disk.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '@npulab/board';
import { startAgent } from './_agent.mjs';
import { median, medianMs } from './_measure.mjs';
import { writeSyntheticTinyLlama } from './_synthetic.mjs';

const tokenizer = join(dirname(fileURLToPath(import.meta.resolve('@npulab/quant'))), '../models/tiny/tokenizer.model');

async function secondsOf(work) {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
}

/** Median time of steps until `until`, the first left out, and the records of the last one. */
async function medianStep(run, until, steps) {
  const times = [];
  let records;
  for (let step = 0; step <= steps; step += 1) {
    times.push(1000 * (await secondsOf(async () => ({ records } = await run.step({ until })))));
  }
  return { ms: median(times.slice(1)), records };
}

export async function bench() {
  const folder = await mkdtemp(join(tmpdir(), 'npulab-bench-'));
  const agent = await startAgent('--backend', 'sim:rk3568', '--memory-mib', '2048');
  try {
    writeSyntheticTinyLlama(folder, tokenizer);
    const { size } = await stat(join(folder, 'model.safetensors'));
    const board = await connect(agent.address);
    let model;
    const firstSeconds = await secondsOf(async () => (model = await board.models.load(folder)));
    await model.unload();
    const againSeconds = await secondsOf(async () => (model = await board.models.load(folder)));

    const run = await model.session('There was once a child');
    const token = await medianStep(run, 'token', 9);
    const layer = await medianStep(run, 'layer', 21);

    // Limits of one token: each weight is read once, by this machine's memory and over the modelled bus.
    const { bytesPerToken } = model.info;
    const buffer = Buffer.alloc(256 << 20, 1);
    const readMs = await medianMs(() => buffer.indexOf(2));
    const readLimitMs = (bytesPerToken / buffer.length) * readMs;
    const busLimitMs = (bytesPerToken / board.info.bandwidthBoundBytesPerSecond) * 1000;
    const modelledMs = token.records.reduce((sum, record) => sum + (record.modelledUs ?? 0), 0) / 1000;
    await board.close();
    return [
      { name: 'first load: hash, upload, verify, lay out', value: firstSeconds, unit: 's' },
      {
        name: 'load when the board has the files',
        value: againSeconds,
        unit: 's',
        against: { what: 's the first time', value: firstSeconds },
      },
      {
        name: 'host time per decoded token',
        value: token.ms,
        unit: 'ms',
        against: { what: 'ms for one thread to read the weights', value: readLimitMs },
      },
      { name: 'host time of one step to the next layer', value: layer.ms, unit: 'ms' },
      {
        name: 'modelled per decoded token (NPU only)',
        value: modelledMs,
        unit: 'modelled ms',
        against: { what: 'ms bandwidth bound', value: busLimitMs },
        goal: 'ratio ≥ 1',
      },
      { name: 'model file', value: size / 1e6, unit: 'MB' },
    ];
  } finally {
    agent.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
