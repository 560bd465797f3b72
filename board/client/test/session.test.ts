/** Connecting, and what a session survives: silence, a cut, a reboot, frames that break the rules. */
import { describe, expect, test } from 'vitest';
import type { Wire } from '../src/frame/cbor.js';
import { frameType } from '../src/frame/header.js';
import { FakeBoard } from './fake-board.js';
import { FakeClock, settle, until } from './fake-clock.js';
import { codeOf, connected, count, isSerial, isSteered, network, open, wires } from './rig.js';

describe.each(wires)('over a %s', (kind) => {
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
    const call = codeOf(board.devices({ timeoutMs: 120_000 }));
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
    expect(await codeOf(board.ping())).toBe('linkLost');
  });

  test('a reboot fails what is pending with boardReset and makes every object stale; the board goes on', async () => {
    const { board, fake, clock, net, events } = await connected(kind);
    const buffer = await board.memory.allocate(64);
    fake.held.add('sys.devices');
    const pending = codeOf(board.devices());
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
    expect(await codeOf(buffer.read())).toBe('staleHandle');
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
    const waiting = codeOf(buffer.read());
    await settle();
    clock.advance(100);
    expect(await waiting).toBe('staleHandle');
    await until(() => board.state === 'connected');
    expect(await codeOf(buffer.read())).toBe('staleHandle');
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
    const result = codeOf(open(net, clock, [], signal));
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
