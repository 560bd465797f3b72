/** Calls on a connected board: objects, order, deadlines, aborts. */
import { describe, expect, test } from 'vitest';
import { settle, until } from './fake-clock.js';
import { bodyBytesOf, codeOf, connected, count, isSerial, wires } from './rig.js';

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
    expect(await codeOf(board.devices())).toBe('board.closed');
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
    expect(await codeOf(buffer.read())).toBe('staleHandle');
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
    expect(await codeOf(buffer.read({ offsetBytes: 8, lengthBytes: 9 }))).toBe('board.bad-argument');
    expect(await codeOf(buffer.write(new Float32Array(5)))).toBe('board.bad-argument');
    expect(await codeOf(buffer.fill(256))).toBe('board.bad-argument');
    expect(await codeOf(buffer.summary({ dtype: 'f32', offsetBytes: 12, count: 2 }))).toBe('board.bad-argument');
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
    const late = codeOf(board.devices({ timeoutMs: 500 }));
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
    const late = codeOf(board.devices({ timeoutMs: 500 }));
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
    expect(await codeOf(board.devices({ signal: control.signal }))).toBe('cancelled');
  });

  test('one signal serves many calls, without a warning of a leak', async () => {
    const { board, fake } = await connected(kind);
    fake.held.add('sys.devices');
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const control = new AbortController();
    const calls = Array.from({ length: 30 }, () => codeOf(board.devices({ signal: control.signal })));
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
    const call = codeOf(board.devices({ signal: control.signal }));
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
    const call = codeOf(board.memory.allocate(64, { signal: control.signal }));
    await until(() => fake.log.includes('CALL mem.alloc'));
    control.abort();
    await until(() => fake.log.includes('CANCEL'));
    clock.advance(150);
    expect(await call).toBe('cancelled');
    fake.release('mem.alloc');
    await until(() => fake.ran.includes('mem.free'));
    expect(fake.objects.buffers.size).toBe(0);
  });

  test('a ping takes the time the board held it out of the round trip', async () => {
    const { board } = await connected(kind);
    expect(await board.ping()).toEqual({ roundTripMs: 0, boardTicks: 1000 });
  });
});
