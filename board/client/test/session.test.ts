import { describe, expect, test } from 'vitest';
import type { Wire } from '../src/frame/cbor.js';
import { frameType } from '../src/frame/header.js';
import { FakeBoard } from './fake-board.js';
import { FakeClock, settle, until } from './fake-clock.js';
import { bodyBytesOf, connected, isSerial, isSteered, network, open, wires } from './rig.js';

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error) => error.code,
  );
const count = (fake: FakeBoard, what: string) => fake.log.filter((line) => line === what).length;

describe.each(wires)('over a %s', (kind) => {
  test('a connected board shows its facts and says goodbye when closed', async () => {
    const { board, fake } = await connected(kind);
    expect(board.info).toMatchObject({
      soc: 'rk3568',
      backend: 'fake',
      bootId: '01'.repeat(8),
      clockHz: 1_000_000,
      url: 'fake',
    });
    expect(board.info).toMatchObject({ ddrClockHz: null, bandwidthBoundBytesPerSecond: null });
    expect(await board.devices()).toEqual([{ name: 'npu0', type: 'npu', irq: null }]);
    await board.close();
    // A line that loses bytes may lose the last words too: a program that ends repeats them for half a second, no longer.
    if (kind !== 'faulty pty') await until(() => fake.log.includes('BYE'));
    expect(board.state).toBe('lost');
    expect(await code(board.devices())).toBe('board.closed');
  });

  test('memory is written, read, filled, hashed and freed', async () => {
    const { board, fake } = await connected(kind);
    const sizeBytes = isSerial(kind) ? 60_000 : 600_000;
    const data = Uint8Array.from({ length: sizeBytes }, (_, index) => index * 7);
    const buffer = await board.memory.allocate(700_000);
    await buffer.write(data, { offsetBytes: 1000 });
    expect(count(fake, 'CALL mem.write')).toBe(Math.ceil(sizeBytes / Math.min(786_432, bodyBytesOf(kind))));
    expect(Buffer.compare(await buffer.read({ offsetBytes: 1000, lengthBytes: sizeBytes }), data)).toBe(0);
    await buffer.fill(9, { offsetBytes: 10, lengthBytes: 5 });
    expect([...(await buffer.read({ offsetBytes: 9, lengthBytes: 7 }))]).toEqual([0, 9, 9, 9, 9, 9, 0]);
    expect(await buffer.digest({ lengthBytes: 0 })).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    await buffer.free();
    await buffer.free();
    expect(fake.ran).toEqual(['mem.alloc', 'mem.free']);
    expect(await code(buffer.read())).toBe('staleHandle');
    expect(String(buffer)).toBe('Buffer(684 KiB, freed)');
  });

  test('a failure of the board keeps its code, cause, remedy and fields', async () => {
    const { board } = await connected(kind);
    await expect(board.memory.allocate(2 ** 31)).rejects.toMatchObject({
      name: 'BoardError',
      code: 'outOfMemory',
      message: 'mem.alloc: no room',
      remedy: 'Do it right.',
      fields: { method: 'mem.alloc', slot: 7 },
    });
  });

  test('ranges outside a buffer are refused before anything is sent', async () => {
    const { board, fake } = await connected(kind);
    const buffer = await board.memory.allocate(16);
    fake.log.length = 0;
    expect(await code(buffer.read({ offsetBytes: 8, lengthBytes: 9 }))).toBe('board.bad-argument');
    expect(await code(buffer.write(new Float32Array(5)))).toBe('board.bad-argument');
    expect(await code(buffer.fill(256))).toBe('board.bad-argument');
    expect(await code(buffer.summary({ dtype: 'f32', offsetBytes: 12, count: 2 }))).toBe('board.bad-argument');
    expect(fake.log).toEqual([]);
  });

  test('no more than sixteen calls are on the board at once, the rest wait in order', async () => {
    const { board, fake } = await connected(kind);
    fake.held.add('sys.devices');
    const calls = Array.from({ length: 20 }, () => board.devices());
    await until(() => count(fake, 'CALL sys.devices') === 16);
    await settle();
    expect(count(fake, 'CALL sys.devices')).toBe(16);
    fake.release('sys.devices');
    await Promise.all(calls);
    expect(count(fake, 'CALL sys.devices')).toBe(20);
  });

  test('a call that waits in the queue fails at its deadline without having been sent', async () => {
    const { board, fake, clock } = await connected(kind);
    fake.held.add('sys.devices');
    const first = Array.from({ length: 16 }, () => board.devices({ timeoutMs: 60_000 }));
    await until(() => count(fake, 'CALL sys.devices') === 16);
    const late = code(board.devices({ timeoutMs: 500 }));
    await settle();
    clock.advance(500);
    expect(await late).toBe('deadline');
    fake.release('sys.devices');
    await Promise.all(first);
    expect(count(fake, 'CALL sys.devices')).toBe(16);
  });

  test('a call the board does not answer in time is cancelled there and fails with deadline', async () => {
    const { board, fake, clock } = await connected(kind);
    fake.held.add('sys.devices');
    const late = code(board.devices({ timeoutMs: 500 }));
    await until(() => fake.log.includes('CALL sys.devices'));
    clock.advance(2_499);
    await settle();
    expect(fake.log).not.toContain('CANCEL');
    clock.advance(1);
    expect(await late).toBe('deadline');
    await until(() => fake.log.includes('CANCEL'));
  });

  test('an abort reaches the board, and its answer the caller', async () => {
    const { board, fake } = await connected(kind);
    fake.held.add('sys.devices');
    const control = new AbortController();
    const call = board.devices({ signal: control.signal });
    await until(() => fake.log.includes('CALL sys.devices'));
    control.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled', fields: { progress: 3 } });
    expect(await code(board.devices({ signal: control.signal }))).toBe('cancelled');
  });

  test('one signal serves many calls, without a warning of a leak', async () => {
    const { board, fake } = await connected(kind);
    fake.held.add('sys.devices');
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const control = new AbortController();
    const calls = Array.from({ length: 30 }, () => code(board.devices({ signal: control.signal })));
    await until(() => count(fake, 'CALL sys.devices') === 16);
    control.abort();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['cancelled']));
    await settle();
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  test('an abort ends the wait after 150 ms where the board does not answer', async () => {
    const { board, fake, clock } = await connected(kind);
    fake.held.add('sys.devices').add('CANCEL');
    const control = new AbortController();
    const call = code(board.devices({ signal: control.signal }));
    await until(() => fake.log.includes('CALL sys.devices'));
    control.abort();
    await until(() => fake.log.includes('CANCEL'));
    clock.advance(150);
    expect(await call).toBe('cancelled');
  });

  test('memory that arrives after its caller has gone is freed at once', async () => {
    const { board, fake, clock } = await connected(kind);
    fake.held.add('mem.alloc').add('CANCEL');
    const control = new AbortController();
    const call = code(board.memory.allocate(64, { signal: control.signal }));
    await until(() => fake.log.includes('CALL mem.alloc'));
    control.abort();
    await until(() => fake.log.includes('CANCEL'));
    clock.advance(150);
    expect(await call).toBe('cancelled');
    fake.release('mem.alloc');
    await until(() => fake.ran.includes('mem.free'));
    expect(fake.buffers.size).toBe(0);
  });

  test('a ping takes the time the board held it out of the round trip', async () => {
    const { board } = await connected(kind);
    expect(await board.ping()).toEqual({ roundTripMs: 0, boardTicks: 1000 });
  });

  test('silence makes the link suspect after four seconds, down after six, and a call goes on over the next link', async () => {
    const { board, fake, clock, events, net } = await connected(kind);
    fake.silent = true;
    const call = board.devices({ timeoutMs: 60_000 });
    await settle();
    clock.advance(4_000);
    await until(() => events.length === 1);
    clock.advance(2_000);
    await until(() => events.length === 2);
    expect(events).toEqual([
      { type: 'suspect', suspect: true },
      { type: 'state', state: 'suspended', reason: 'The link is down: no sign of life for 6 s' },
    ]);
    expect(board.state).toBe('suspended');
    fake.silent = false;
    clock.advance(100);
    expect(await call).toHaveLength(1);
    expect([board.state, net.dials]).toEqual(['connected', 2]);
  });

  test('a cut link resumes: nothing is lost and nothing happens twice', async () => {
    const { board, fake, clock, net, events } = await connected(kind);
    const buffer = await board.memory.allocate(64);
    fake.held.add('mem.alloc').add('mem.write');
    const second = board.memory.allocate(32);
    const write = buffer.write(Uint8Array.of(1, 2, 3));
    await until(() => fake.log.includes('CALL mem.write'));
    net.cut();
    await until(() => board.state === 'suspended');
    const third = board.devices();
    fake.held.clear();
    clock.advance(100);
    await until(() => fake.log.filter((line) => line === 'HELLO').length === 2);
    await Promise.all([second, write, third]);
    expect([...(await buffer.read({ lengthBytes: 4 }))]).toEqual([1, 2, 3, 0]);
    expect(fake.ran).toEqual(['mem.alloc', 'mem.alloc']);
    expect(events.map((event) => event.type === 'state' && event.state)).toEqual(['suspended', 'connected']);
  });

  test('a link that is cut in the middle of a frame resumes, and no half of it is taken', async () => {
    const { board, fake, clock, net } = await connected(kind);
    fake.held.add('sys.devices');
    const call = board.devices();
    await until(() => fake.log.includes('CALL sys.devices'));
    if (!isSerial(kind)) fake.raw(Uint8Array.from([100, 0, 0, 0, 16, 3, 2, 0, 2, 0, 0, 0]));
    await settle();
    net.cut();
    await until(() => board.state === 'suspended');
    fake.held.clear();
    clock.advance(100);
    expect(await call).toEqual([{ name: 'npu0', type: 'npu', irq: null }]);
  });

  test('a once call whose answer was lost gets the stored one', async () => {
    const { board, fake, clock, net } = await connected(kind);
    fake.held.add('mem.alloc');
    const call = board.memory.allocate(8);
    await until(() => fake.log.includes('CALL mem.alloc'));
    net.cut();
    await until(() => board.state === 'suspended');
    fake.release('mem.alloc');
    clock.advance(100);
    expect((await call).sizeBytes).toBe(8);
    expect(fake.ran).toEqual(['mem.alloc']);
    expect(count(fake, 'CALL mem.alloc')).toBe(2);
  });

  test('a link that stays down for the grace time is lost, and everything says so', async () => {
    const { board, clock, net, events, fake } = await connected(kind);
    fake.held.add('sys.devices');
    const call = code(board.devices({ timeoutMs: 120_000 }));
    await until(() => fake.log.includes('CALL sys.devices'));
    net.refuse = true;
    net.cut();
    await until(() => board.state === 'suspended');
    for (let step = 0; step < 300; step += 1) {
      clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await call).toBe('linkLost');
    expect(board.state).toBe('lost');
    expect(events.at(-1)).toMatchObject({ type: 'state', state: 'lost' });
    expect(await code(board.ping())).toBe('linkLost');
  });

  test('a reboot fails what is pending with boardReset and makes every object stale; the board goes on', async () => {
    const { board, fake, clock, net, events } = await connected(kind);
    const buffer = await board.memory.allocate(64);
    fake.held.add('sys.devices');
    const pending = code(board.devices());
    await until(() => fake.log.includes('CALL sys.devices'));
    fake.reboot();
    fake.held.clear();
    net.cut();
    await until(() => board.state === 'suspended');
    clock.advance(100);
    expect(await pending).toBe('boardReset');
    await until(() => board.state === 'connected');
    expect(board.info.bootId).toBe('02'.repeat(8));
    expect(events.find((event) => event.type === 'reset')).toMatchObject({ bootId: '02'.repeat(8) });
    expect(await code(buffer.read())).toBe('staleHandle');
    await buffer.free();
    const fresh = await board.memory.allocate(8);
    expect(await fresh.read()).toHaveLength(8);
  });

  test('a session the board has given up makes objects stale without a reboot', async () => {
    const { board, fake, clock, net } = await connected(kind);
    const buffer = await board.memory.allocate(64);
    fake.forgetSessions = true;
    net.cut();
    await until(() => board.state === 'suspended');
    const waiting = code(buffer.read());
    await settle();
    clock.advance(100);
    expect(await waiting).toBe('staleHandle');
    await until(() => board.state === 'connected');
    expect(await code(buffer.read())).toBe('staleHandle');
  });

  const damages: [string, (fake: FakeBoard) => void][] = [
    ['a frame length of 4 GiB', (fake: FakeBoard) => fake.raw(Uint8Array.of(255, 255, 255, 255, 0, 0))],
    ['a frame length of 3', (fake: FakeBoard) => fake.raw(Uint8Array.of(3, 0, 0, 0))],
    [
      'a header whose parts do not add up',
      (fake: FakeBoard) => fake.raw(Uint8Array.from([16, 0, 0, 0, 16, 3, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0])),
    ],
    [
      'an unknown frame type',
      (fake: FakeBoard) => fake.raw(Uint8Array.from([16, 0, 0, 0, 16, 99, ...new Array(14).fill(0)])),
    ],
    [
      'another frame version',
      (fake: FakeBoard) => fake.raw(Uint8Array.from([16, 0, 0, 0, 32, 3, ...new Array(14).fill(0)])),
    ],
    ['a frame only hosts send', (fake: FakeBoard) => fake.frame(frameType.cancel, 0, 2, new Map())],
    ['metadata that is no map', (fake: FakeBoard) => fake.frame(frameType.event, 0x8001, 0, 7)],
  ];
  // A serial line has no lengths between frames.
  const fitting = damages.filter(([what]) => !isSerial(kind) || !what.startsWith('a frame length'));
  test.each(fitting)('%s ends the link, not the session', async (_, damage) => {
    const { board, fake, clock } = await connected(kind);
    const buffer = await board.memory.allocate(4);
    damage(fake);
    await until(() => board.state === 'suspended');
    const read = buffer.read();
    await settle();
    clock.advance(100);
    expect(await read).toHaveLength(4);
  });

  test('a goodbye of the board suspends; what the next HELLO says decides', async () => {
    const { board, fake, clock, events } = await connected(kind);
    const buffer = await board.memory.allocate(4);
    fake.frame(frameType.bye, 0, 0, new Map([[0, 'the agent was told to stop']]));
    await until(() => events.length === 1);
    const reason = 'The link is down: the board said goodbye: the agent was told to stop';
    expect(events).toEqual([{ type: 'state', state: 'suspended', reason }]);
    fake.reboot();
    clock.advance(100);
    await until(() => board.state === 'connected');
    await expect(buffer.read()).rejects.toMatchObject({ code: 'staleHandle' });
  });

  test('log lines and device states arrive as events, with what was lost', async () => {
    const { fake, events } = await connected(kind);
    fake.event(
      0x8001,
      new Map<number, Wire>([
        [0, 3],
        [1, 'low memory'],
      ]),
      2,
    );
    fake.event(0x8002, new Map([[0, 'stuck']]));
    await until(() => events.length === 2);
    expect(events).toEqual([
      { type: 'log', severity: 'warning', text: 'low memory', lost: 2 },
      { type: 'device', state: 'stuck', lost: 0 },
    ]);
  });
});

describe.each(wires)('connecting over a %s', (kind) => {
  const attempt = async (prepare: (fake: FakeBoard) => void, time = 0, signal?: AbortSignal) => {
    const fake = new FakeBoard();
    prepare(fake);
    const net = await network(kind, fake);
    const clock = new FakeClock();
    const result = code(open(net, clock, [], signal));
    await settle();
    clock.advance(time);
    return result;
  };

  test('to an agent of another protocol names both versions', async () => {
    expect(await attempt((fake) => (fake.hello = { 0: 2, 1: 3 }))).toBe('board.protocol-version');
  });

  test.runIf(isSteered(kind))('to something that never answers gives up after five seconds', async () => {
    expect(await attempt((fake) => (fake.silent = true), 5_000)).toBe('board.not-an-agent');
  });

  test('to an agent without room for a call is refused', async () => {
    expect(
      await attempt(
        (fake) =>
          (fake.hello = {
            6: new Map([
              [0, 1 << 20],
              [1, 0],
              [2, 4096],
            ]),
          }),
      ),
    ).toBe('board.not-an-agent');
  });

  test.runIf(isSteered(kind))('to an agent that says goodbye at once gives its reason', async () => {
    const fake = new FakeBoard();
    const net = await network(kind, fake);
    fake.silent = true;
    const opening = open(net, new FakeClock()).catch((error) => [error.code, error.message]);
    await until(() => net.dials === 1);
    await settle();
    fake.frame(frameType.bye, 0, 0, new Map([[0, 'too many sessions']]));
    expect(await opening).toEqual(['denied', 'The agent refused the session: too many sessions']);
  });

  test('can be cancelled', async () => {
    const control = new AbortController();
    setImmediate(() => control.abort());
    expect(await attempt((fake) => (fake.silent = true), 0, control.signal)).toBe('cancelled');
  });
});
