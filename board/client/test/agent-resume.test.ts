/** The real npulabd behind a cable that a test can pull. Reported skipped where the binary is not built. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Board, type BoardEvent, connect, findAgent } from '@npulab/board';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LaunchedAgent, launchAgent } from '../src/agent/launch.js';
import { until } from './fake-clock.js';

const hasAgent = (() => {
  try {
    return existsSync(findAgent());
  } catch {
    return false;
  }
})();
const tiny = fileURLToPath(new URL('../../../quant/models/tiny/', import.meta.url));
const hasTiny = ['config.json', 'model.safetensors', 'tokenizer.model'].every((name) => existsSync(join(tiny, name)));

describe.skipIf(!hasAgent)('npulabd behind a cable', () => {
  let folder: string;
  let agent: LaunchedAgent;
  let cable: Server;
  let board: Board;
  const sockets = new Set<Socket>();
  const events: BoardEvent[] = [];
  const start = () =>
    launchAgent(
      { backend: 'cpu', logFolder: folder, storeFolder: join(folder, 'store') },
      new AbortController().signal,
    );
  /** What the board said of its link; a state that came and went between two looks is there all the same. */
  const suspensions = () => events.filter((event) => event.type === 'state' && event.state === 'suspended').length;
  const pull = async () => {
    await until(() => board.state === 'connected' && sockets.size > 0);
    const before = suspensions();
    for (const socket of sockets) socket.destroy();
    await until(() => suspensions() > before);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'npulab-resume-'));
    agent = await start();
    cable = createServer((near) => {
      const far = dial({ host: agent.ready.host, port: agent.ready.port });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from);
        from
          .on('error', () => undefined)
          .on('close', () => {
            sockets.delete(from);
            to.destroy();
          });
        from.pipe(to);
      }
    });
    await new Promise<void>((resolve) => cable.listen(0, '127.0.0.1', resolve));
    board = await connect(`tcp://127.0.0.1:${(cable.address() as AddressInfo).port}`, {
      onEvent: (event) => events.push(event),
    });
  });
  afterAll(async () => {
    await board?.close();
    cable?.close();
    await agent?.stop(2_000);
    await rm(folder, { recursive: true, force: true });
  });

  test('objects live through a pulled cable', async () => {
    const buffer = await board.memory.allocate(600_000);
    await buffer.fill(7);
    const under = buffer.read();
    await pull();
    const waiting = buffer.digest();
    expect(new Set(await under)).toEqual(new Set([7]));
    expect(await waiting).toBe(await buffer.digest());
    expect(board.state).toBe('connected');
    expect(events.filter(({ type }) => type === 'reset')).toEqual([]);
    await buffer.free();
  });

  test.skipIf(!hasTiny)(
    'a generation goes on without a gap or a repeat, however often the cable is pulled',
    async () => {
      const model = await board.models.load(tiny);
      const whole = await model.session('Once upon a time');
      const expected: number[] = [];
      for await (const { token } of whole.generate({ maxTokens: 120 })) expected.push(token);
      const run = await model.session('Once upon a time');
      const tokens: number[] = [];
      for await (const { token } of run.generate({ maxTokens: 120 })) {
        tokens.push(token);
        if (tokens.length % 30 === 0) await pull();
      }
      expect(tokens).toEqual(expected);
      expect(run.state).toEqual(whole.state);
      await model.unload();
    },
  );

  test('an agent that starts anew makes objects stale and the board goes on', async () => {
    const buffer = await board.memory.allocate(64);
    const before = board.info.bootId;
    const told = suspensions();
    await agent.stop(2_000);
    await until(() => suspensions() > told);
    const pending = board.devices().catch((error) => error.code);
    agent = await start();
    expect(await pending).toBe('boardReset');
    await until(() => board.state === 'connected');
    expect(board.info.bootId).not.toBe(before);
    await expect(buffer.read()).rejects.toMatchObject({ code: 'staleHandle' });
    const fresh = await board.memory.allocate(64);
    expect(await fresh.read()).toEqual(new Uint8Array(64));
    await fresh.free();
  });
});
