// The simulated board: how fast the host simulates, beside the time it models. Two different clocks, never mixed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '@npulab/board';
import { openModel, quantize, save } from '@npulab/quant';
import { medianMs } from './_measure.mjs';

const tiny = join(dirname(fileURLToPath(import.meta.resolve('@npulab/quant'))), '../models/tiny');

export async function bench() {
  const folder = await mkdtemp(join(tmpdir(), 'npulab-bench-'));
  const model = await openModel(tiny);
  const board = await connect('sim:rk3568', { memoryMib: 512 });
  try {
    const q = await quantize(model, { method: 'rtn', bits: 8 });
    await save(q, folder);
    const loaded = await board.models.load(folder);
    let modelledUs = 0;
    let tokens = 0;
    const decodeMs = await medianMs(async () => {
      const run = await loaded.session('There was once a child named Mira');
      for await (const { records } of run.generate({ maxTokens: 64 })) {
        const decode = records.filter((record) => record.rows === 1);
        if (decode.length === 0) continue;
        tokens += 1;
        modelledUs += decode.reduce((sum, record) => sum + (record.modelledUs ?? 0), 0);
      }
      await run.close();
    });
    const boundUs = (loaded.info.bytesPerToken / board.info.bandwidthBoundBytesPerSecond) * 1e6;

    // A decode row of TinyLlama's widest product, operands in the native layout (A is padded to four rows).
    const [m, k, n] = [1, 2048, 5632];
    const [a, b, c] = [
      await board.memory.allocate(k * 4),
      await board.memory.allocate(n * k),
      await board.memory.allocate(m * n * 4),
    ];
    const operation = {
      kind: 'matmulInt8',
      m,
      k,
      n,
      a: { buffer: a },
      b: { buffer: b },
      c: { buffer: c },
      layout: 'native',
    };
    let job;
    const taskMs = await medianMs(async () => {
      job = await (await board.tasks.submit(operation)).wait();
    }, 21);
    return [
      { name: 'default model, host time per token', value: (decodeMs / 64) * 1000, unit: 'µs' },
      {
        name: 'default model, modelled per token (NPU only)',
        value: modelledUs / tokens,
        unit: 'modelled µs',
        against: { what: 'µs bandwidth bound', value: boundUs },
        goal: 'ratio ≥ 1',
      },
      { name: '1 x 2048 x 5632, host round trip', value: taskMs * 1000, unit: 'µs' },
      {
        name: '1 x 2048 x 5632, modelled',
        value: job.modelledUs,
        unit: 'modelled µs',
        against: { what: 'µs bandwidth bound', value: ((n * k) / board.info.bandwidthBoundBytesPerSecond) * 1e6 },
        goal: 'ratio ≥ 1',
      },
    ];
  } finally {
    await board.close();
    model.close();
    await rm(folder, { recursive: true, force: true });
  }
}
