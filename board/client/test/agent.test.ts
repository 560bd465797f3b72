/** The real npulabd behind the real thread. Reported skipped where the binary is not built. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Board, type BoardEvent, connect, findAgent, type LoadedModel } from '@npulab/board';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const agentPath = (() => {
  try {
    return findAgent();
  } catch {
    return null;
  }
})();
const backends = ['cpu', 'sim:rk3568'] as const;
const tiny = fileURLToPath(new URL('../../../quant/models/tiny/', import.meta.url));
const hasTiny = ['config.json', 'model.safetensors', 'tokenizer.model'].every((name) => existsSync(join(tiny, name)));

describe.skipIf(agentPath === null).each(backends)('npulabd with back end %s', (backend) => {
  let folder: string;
  let board: Board;
  const events: BoardEvent[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'npulab-agent-'));
    board = await connect(backend, {
      logFolder: folder,
      storeFolder: join(folder, 'store'),
      onEvent: (event) => events.push(event),
    });
  });
  afterAll(async () => {
    await board?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('tells what it is', () => {
    expect(board.info).toMatchObject({ backend, modelled: backend !== 'cpu', url: backend });
    expect(board.info.bootId).toMatch(/^[0-9a-f]{16}$/);
    expect(board.info.freeBytes).toBeLessThanOrEqual(board.info.memoryBytes);
    expect(existsSync(board.info.logFile)).toBe(true);
  });

  test('answers pings and lists its devices', async () => {
    const [first, second] = [await board.ping(), await board.ping()];
    expect(second.boardTicks).toBeGreaterThan(first.boardTicks);
    expect((await board.devices()).length).toBeGreaterThan(0);
  });

  test('keeps what is written, byte for byte, and hashes it', async () => {
    const data = Uint8Array.from({ length: 700_001 }, (_, index) => (index * 37) & 255);
    await using buffer = await board.memory.allocate(data.byteLength);
    await buffer.write(data);
    expect(Buffer.compare(await buffer.read(), data)).toBe(0);
    expect(await buffer.digest()).toBe(createHash('sha256').update(data).digest('hex'));
    await buffer.fill(5, { offsetBytes: 3, lengthBytes: 2 });
    expect([...(await buffer.read({ offsetBytes: 2, lengthBytes: 4 }))]).toEqual([74, 5, 5, 185]);
    const summary = await buffer.summary({ dtype: 'u8', count: 4 });
    expect(summary).toMatchObject({ min: 0, max: 74, nanCount: 0, cosine: null });
  });

  test('refuses what it cannot hold and forgets what was freed', async () => {
    await expect(board.memory.allocate(2 ** 45)).rejects.toMatchObject({
      name: 'BoardError',
      fields: { method: 'mem.alloc' },
    });
    const buffer = await board.memory.allocate(64);
    await buffer.free();
    await expect(buffer.read()).rejects.toMatchObject({ code: 'staleHandle' });
  });

  test('multiplies int8 matrices exactly', async () => {
    const [m, k, n] = [5, 70, 33];
    const a = Int8Array.from({ length: m * k }, (_, index) => ((index * 29) % 255) - 127);
    const b = Int8Array.from({ length: n * k }, (_, index) => ((index * 53) % 255) - 127);
    await using bufferA = await board.memory.allocate(a.byteLength);
    await using bufferB = await board.memory.allocate(b.byteLength);
    await using bufferC = await board.memory.allocate(4 * m * n);
    await Promise.all([bufferA.write(a), bufferB.write(b)]);
    const task = await board.tasks.submit({
      kind: 'matmulInt8',
      m,
      k,
      n,
      a: { buffer: bufferA },
      b: { buffer: bufferB },
      c: { buffer: bufferC },
    });
    const report = await task.wait();
    const c = new Int32Array((await bufferC.read()).buffer);
    const expected = Int32Array.from({ length: m * n }, (_, index) => {
      const [row, column] = [Math.floor(index / n), index % n];
      let sum = 0;
      for (let inner = 0; inner < k; inner += 1) sum += a[row * k + inner]! * b[column * k + inner]!;
      return sum;
    });
    expect(c).toEqual(expected);
    expect(report.operations).toHaveLength(1);
    if (backend === 'cpu') expect(report.modelledUs).toBe(null);
    else expect(report.modelledUs).toBeGreaterThan(0);
    expect((await task.wait()).endTicks).toBe(report.endTicks);
  });

  test('multiplies fp16 matrices on the NPU, and says that the CPU cannot', async () => {
    // 1, 2 and -3 as halves: sums of their products are exact in any order.
    const [bits, values] = [
      [0x3c00, 0x4000, 0xc200],
      [1, 2, -3],
    ];
    const [m, k, n] = [3, 40, 11];
    const a = Uint16Array.from({ length: m * k }, (_, index) => bits[(index * 7) % 3]!);
    const b = Uint16Array.from({ length: n * k }, (_, index) => bits[(index * 5 + 1) % 3]!);
    await using bufferA = await board.memory.allocate(a.byteLength);
    await using bufferB = await board.memory.allocate(b.byteLength);
    await using bufferC = await board.memory.allocate(4 * m * n);
    await Promise.all([bufferA.write(a), bufferB.write(b)]);
    const operands = { a: { buffer: bufferA }, b: { buffer: bufferB }, c: { buffer: bufferC } };
    const submitted = board.tasks.submit({ kind: 'matmulFp16', m, k, n, ...operands });
    expect(board.info.capabilities).toContain('task.matmulFp16');
    if (backend === 'cpu') return expect(submitted).rejects.toMatchObject({ code: 'unsupported' });
    await (await submitted).wait();
    const at = (index: number) => values[bits.indexOf(index)]!;
    const expected = Float32Array.from({ length: m * n }, (_, index) => {
      const [row, column] = [Math.floor(index / n), index % n];
      let sum = 0;
      for (let inner = 0; inner < k; inner += 1) sum += at(a[row * k + inner]!) * at(b[column * k + inner]!);
      return sum;
    });
    expect(new Float32Array((await bufferC.read()).buffer)).toEqual(expected);
    const small = board.tasks.submit({ kind: 'matmulFp16', m, k: k + 1, n, ...operands });
    await expect(small).rejects.toMatchObject({
      code: 'board.bad-argument',
      message: expect.stringMatching(/^a needs 246 bytes/),
    });
  });

  test('stores blobs and does not take them twice', async () => {
    const bytes = Uint8Array.from({ length: 600_000 }, (_, index) => (index >> 3) & 255);
    const first = await board.blobs.put(bytes);
    expect(first).toEqual({
      id: createHash('sha256').update(bytes).digest('hex'),
      sizeBytes: 600_000,
      uploadedBytes: 600_000,
    });
    expect((await board.blobs.put(bytes)).uploadedBytes).toBe(0);
    expect(await board.blobs.has([first.id])).toEqual([true]);
    expect((await board.blobs.list()).blobs).toContainEqual(
      expect.objectContaining({ id: first.id, sizeBytes: 600_000 }),
    );
  });

  test.runIf(backend === 'cpu')(
    'hears pings while the main thread spins for longer than the link may be silent',
    async () => {
      events.length = 0;
      const end = performance.now() + 7_000;
      while (performance.now() < end);
      expect((await board.ping()).boardTicks).toBeGreaterThan(0);
      expect(events.filter(({ type }) => type !== 'log')).toEqual([]);
    },
  );

  describe.skipIf(!hasTiny)('and the default model', () => {
    let model: LoadedModel;
    beforeAll(async () => {
      model = await board.models.load(tiny);
    });

    test('generates the same tokens step by step and in one go', async () => {
      const run = await model.session('Once upon a time');
      const prompt = run.state.tokens.length;
      const stepped: number[] = [];
      for (let index = 0; index < 4; index += 1) stepped.push((await run.step({ until: 'token' })).state.lastToken!);
      await run.close();
      const other = await model.session(run.state.tokens.slice(0, prompt));
      const generated: number[] = [];
      for await (const { token, records } of other.generate({ maxTokens: 4 })) {
        generated.push(token);
        expect(records.length).toBeGreaterThan(0);
      }
      expect(generated).toEqual(stepped);
      await other.close();
    });

    test('stops at operators, shows their tensors and goes on', async () => {
      const run = await model.session('Once');
      const { records } = await run.step({ until: { operator: 'layers.0.input_layernorm' } });
      expect(records.map(({ operator }) => operator)).toEqual(['embed_tokens', 'layers.0.input_layernorm']);
      const tensor = await run.tensor('layers.0.input_layernorm');
      expect(tensor.shape.at(-1)).toBe(model.info.hidden);
      const data = await tensor.read();
      expect(data.length).toBe(tensor.shape.reduce((product, length) => product * length, 1));
      const { max } = await tensor.summary();
      expect(max).toBeCloseTo(Math.max(...data), 5);
      await run.close();
    });

    test('leaves a generation early and goes on with the next call', async () => {
      const run = await model.session('Once');
      for await (const { token } of run.generate({ maxTokens: 50 })) if (token >= 0) break;
      expect((await run.step({ until: 'token' })).records.length).toBeGreaterThan(0);
      await run.close();
      await model.unload();
    });
  });
});

test.skipIf(agentPath === null || existsSync('/dev/dri'))(
  'a back end whose device is not there says which one it looked for',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'npulab-agent-'));
    const refused = expect(connect('drm', { logFolder: folder, storeFolder: join(folder, 'store') })).rejects;
    await refused.toMatchObject({
      code: 'board.agent-start-failed',
      message: expect.stringContaining('/dev/dri'),
    });
    await rm(folder, { recursive: true, force: true });
  },
);
