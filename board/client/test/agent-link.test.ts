/** Keys, leases and imports between this client and the real agent. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseAddress } from '../src/address.js';
import { findAgent } from '../src/agent/find.js';
import type { Board, BoardEvent } from '../src/board.js';
import { openBoard } from '../src/handles/board.js';
import type { LeaseState } from '../src/lease.js';
import { systemClock } from '../src/session/clock.js';
import { endpointOf } from '../src/worker/channel.js';
import { serve } from '../src/worker/serve.js';
import { until } from './fake-clock.js';

const folder = () => mkdtempSync(join(tmpdir(), 'npulab-agent-'));
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error) => error.code,
  );

/** An agent of this test; resolves with its address. */
async function agent(...options: string[]): Promise<string> {
  const own = folder();
  const files = ['--store', join(own, 'store'), '--log', join(own, 'log')];
  const args = ['--listen', 'tcp://127.0.0.1:0', '--backend', 'cpu', ...files, '--until-stdin-closes', ...options];
  const child = spawn(findAgent(), args, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.stdin.end());
  const line = await new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  return (JSON.parse(line) as { listen: string }).listen;
}

/** Connects without a thread of its own. */
async function connected(url: string, events: BoardEvent[] = []): Promise<Board> {
  const { port1, port2 } = new MessageChannel();
  serve({
    endpoint: endpointOf(port2 as never),
    target: parseAddress(url, {}),
    build: 'test',
    clock: systemClock,
    onClosed: () => port2.close(),
  });
  const board = await openBoard(
    {
      endpoint: endpointOf(port1 as never),
      url,
      timeoutMs: 20_000,
      onEvent: (event) => events.push(event),
      afterClose: async () => port1.close(),
    },
    () => undefined,
  );
  onTestFinished(() => board.close());
  return board;
}

const keyFile = () => {
  const path = join(folder(), 'key');
  writeFileSync(path, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  return path;
};

describe('a board with keys', () => {
  test('lets in who has one, and nobody else', async () => {
    const [key, other] = [keyFile(), keyFile()];
    const address = await agent('--key', key);
    const board = await connected(`${address}?key=${key}`);
    const buffer = await board.memory.allocate(300_000);
    const data = new Uint8Array(randomBytes(300_000));
    await buffer.write(data);
    expect(Buffer.compare(await buffer.read(), data)).toBe(0);
    expect(await code(connected(address))).toBe('denied');
    expect(await code(connected(`${address}?key=${other}`))).toBe('board.key-refused');
  });

  test('has another that only reads', async () => {
    const [key, reads] = [keyFile(), keyFile()];
    const address = await agent('--key', key, '--read-key', reads);
    const board = await connected(`${address}?key=${reads}`);
    expect((await board.blobs.list()).blobs).toEqual([]);
    expect(await code(board.memory.allocate(64))).toBe('denied');
    expect(await code(board.lease.acquire())).toBe('denied');
  });
});

describe('two clients', () => {
  test('compete for the lease: the second sees who holds it, waits, and gets it', async () => {
    const address = await agent();
    const [first, second] = [await connected(address), await connected(address)];
    const held = await first.lease.acquire({ why: 'measuring', who: 'ann' });
    expect(await code(second.memory.allocate(64))).toBe('leaseHeld');
    expect((await second.blobs.list()).blobs).toEqual([]);
    const seen: LeaseState[] = [];
    const waiting = second.lease.acquire({ who: 'bob', waitMs: 60_000, onWaiting: (state) => seen.push(state) });
    await until(() => seen.length === 1);
    expect(seen[0]).toMatchObject({ mine: false, holder: 'ann', why: 'measuring' });
    await held.release();
    expect((await waiting).who).toBe('bob');
    expect(await second.lease.state()).toMatchObject({ mine: true, holder: 'bob' });
    expect((await second.memory.allocate(64)).sizeBytes).toBe(64);
  });

  test('who waits is told its place when it queues, and every new place and holder, whether it came by turn or by force', async () => {
    const address = await agent();
    const [ann, bob, cid, dora] = await Promise.all([1, 2, 3, 4].map(() => connected(address)));
    const held = await ann!.lease.acquire({ who: 'ann', ttlMs: 60_000 });
    const [seenByBob, seenByCid]: LeaseState[][] = [[], []];
    const wait = (who: string, seen: LeaseState[]) => ({
      who,
      waitMs: 60_000,
      onWaiting: (s: LeaseState) => seen.push(s),
    });
    const bobs = bob!.lease.acquire(wait('bob', seenByBob!));
    await until(() => seenByBob!.length === 1);
    const cids = cid!.lease.acquire(wait('cid', seenByCid!));
    await until(() => seenByCid!.length === 1);
    await held.release();
    const bobsLease = await bobs;
    await until(() => seenByCid!.at(-1)?.holder === 'bob');
    const told = (seen: LeaseState[]) => seen.map(({ holder, place }) => [holder, place]);
    expect(told(seenByBob!)).toEqual([['ann', 1]]);
    expect(told(seenByCid!)).toEqual([
      ['ann', 2],
      ['bob', 1],
    ]);
    expect(seenByCid!.at(-1)).toMatchObject({ mine: false, waiting: 1 });
    expect(seenByCid!.at(-1)!.expiresMs).toBeGreaterThan(0);
    expect(seenByCid!.at(-1)!.expiresMs).toBeLessThanOrEqual(30_000);
    const taken = await dora!.lease.take({ who: 'dora', why: 'urgent' });
    await until(() => seenByCid!.at(-1)?.holder === 'dora');
    expect(seenByCid!.at(-1)).toMatchObject({ why: 'urgent', waiting: 1 });
    await bobsLease.release();
    expect(await dora!.lease.state()).toMatchObject({ mine: true });
    await taken.release();
    expect((await cids).who).toBe('cid');
    expect(seenByBob).toHaveLength(1);
    const before = seenByCid!.length;
    await dora!.lease.take({ who: 'dora' });
    expect(seenByCid).toHaveLength(before);
  });

  test('who waits behind one that gives up is told its new place though nobody new holds the lease', async () => {
    const address = await agent();
    const [ann, bob, cid] = await Promise.all([1, 2, 3].map(() => connected(address)));
    await ann!.lease.acquire({ who: 'ann' });
    const control = new AbortController();
    const places: { bob: (number | null)[]; cid: (number | null)[] } = { bob: [], cid: [] };
    const bobs = code(
      bob!.lease.acquire({
        waitMs: 60_000,
        signal: control.signal,
        onWaiting: ({ place }) => places.bob.push(place),
      }),
    );
    await until(() => places.bob.length === 1);
    const cids = cid!.lease.acquire({ waitMs: 60_000, onWaiting: ({ place }) => places.cid.push(place) });
    await until(() => places.cid.length === 1);
    control.abort();
    expect(await bobs).toBe('cancelled');
    await until(() => places.cid.length === 2);
    expect(places).toEqual({ bob: [1], cid: [2, 1] });
    await ann!.close();
    await cids;
    expect(places.cid).toEqual([2, 1]);
  });

  test('one takes it by force: the other is told, and its calls say so', async () => {
    const address = await agent();
    const events: BoardEvent[] = [];
    const [first, second] = [await connected(address, events), await connected(address)];
    await first.lease.acquire({ who: 'ann' });
    await second.lease.take({ who: 'bob', why: 'urgent' });
    await until(() => events.some((event) => event.type === 'lease' && event.change === 'taken'));
    expect(events).toContainEqual({ type: 'lease', change: 'taken', who: 'bob', why: 'urgent', lostIt: true });
    expect(await code(first.memory.allocate(64))).toBe('leaseLost');
  });
});

/** A process that connects, takes memory and the lease, and says so; then it does nothing. */
async function holder(address: string, sizeBytes: number) {
  const entry = new URL('../dist/index.js', import.meta.url).href;
  const text = `import { connect } from ${JSON.stringify(entry)};
    const board = await connect(${JSON.stringify(address)});
    await board.memory.allocate(${sizeBytes});
    await board.lease.acquire({ who: 'notebook' });
    console.log('holds');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

test.each([
  ['killed', 'SIGKILL'],
  ['stopped, its connection half open,', 'SIGSTOP'],
] as const)(
  'what a process held that was %s is free after the grace time, and its lease goes to who waits',
  async (_, signal) => {
    const address = await agent('--grace-ms', '300');
    const board = await connected(address);
    const { freeBytes } = await board.refresh();
    const sizeBytes = 5 * 1024 * 1024;
    const process = await holder(address, sizeBytes);
    expect((await board.refresh()).freeBytes).toBe(freeBytes - sizeBytes);
    const waiting = board.lease.acquire({ who: 'next', waitMs: 60_000 });
    process.kill(signal);
    expect((await waiting).who).toBe('next');
    // What was freed is behind what the device had queued before.
    await until(async () => (await board.refresh()).freeBytes === freeBytes);
    expect((await board.lease.state()).waiting).toBe(0);
  },
);

test('a file that is on the board already is taken into the store by name, and no path is', async () => {
  const imports = folder();
  mkdirSync(join(imports, 'deeper'));
  writeFileSync(join(imports, 'weights.bin'), 'abc');
  const board = await connected(await agent('--import', imports));
  expect(await board.blobs.importable()).toEqual([{ name: 'weights.bin', sizeBytes: 3 }]);
  const { id } = await board.blobs.import('weights.bin');
  expect(id).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  await board.blobs.pin(id);
  expect((await board.blobs.list()).blobs).toMatchObject([{ id, sizeBytes: 3, pinned: true }]);
  expect(await code(board.blobs.import('../weights.bin'))).toMatch(/badArgument|notFound|denied/);
});

test('large transfers keep every byte, though their pieces share memory: two at once, each in another pattern', async () => {
  const board = await connected(await agent());
  const sizeBytes = 9 * 1024 * 1024 + 13;
  const patterns = [3, 5].map((step) => Uint8Array.from({ length: sizeBytes }, (_, at) => (at * step) >> 3));
  const buffers = await Promise.all(patterns.map(() => board.memory.allocate(sizeBytes)));
  for (let turn = 0; turn < 2; turn += 1) {
    await Promise.all(buffers.map((buffer, at) => buffer.write(patterns[(at + turn) % 2]!)));
    const read = await Promise.all(buffers.map((buffer) => buffer.read()));
    for (const [at, bytes] of read.entries()) expect(Buffer.compare(bytes, patterns[(at + turn) % 2]!)).toBe(0);
  }
});
