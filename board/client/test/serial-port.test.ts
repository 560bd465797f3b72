/** The process that owns a port: it locks it, says who has it, and goes with whoever started it. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { holderOf, lockPath, lockPort } from '../src/serial/lock.js';
import { dialSerial } from '../src/transport/serial.js';
import { until } from './fake-clock.js';
import { hasPty, openPty } from './pty.js';

const own = () => vi.stubEnv('XDG_RUNTIME_DIR', mkdtempSync(join(tmpdir(), 'npulab-run-')));
const signal = () => new AbortController().signal;

describe('the lock of a port', () => {
  test('names its holder, is refused to others, and is given back', () => {
    own();
    const unlock = lockPort('/dev/ttyX', 'a test', new Date(0));
    expect(holderOf('/dev/ttyX')).toMatchObject({
      pid: process.pid,
      since: '1970-01-01T00:00:00.000Z',
      what: 'a test',
    });
    expect(() => lockPort('/dev/ttyX', 'another', new Date())).toThrow(
      expect.objectContaining({ code: 'board.serial-held', fields: expect.objectContaining({ pid: process.pid }) }),
    );
    unlock();
    expect([holderOf('/dev/ttyX'), existsSync(lockPath('/dev/ttyX'))]).toEqual([null, false]);
  });

  test('of a process that has died is taken over', () => {
    own();
    const unlock = lockPort('/dev/ttyX', 'a test', new Date());
    const path = lockPath('/dev/ttyX');
    writeFileSync(path, readFileSync(path, 'utf8').replace(`"pid":${process.pid}`, '"pid":4194305'));
    expect(holderOf('/dev/ttyX')).toBeNull();
    lockPort('/dev/ttyX', 'the next', new Date());
    expect(holderOf('/dev/ttyX')?.what).toBe('the next');
    unlock();
  });
});

describe.runIf(hasPty)('a port', () => {
  test('carries every byte unchanged, and says when it is gone', async () => {
    own();
    const pty = await openPty();
    onTestFinished(pty.remove);
    const port = await dialSerial(pty.path, 1_500_000)(signal());
    const heard: number[] = [];
    const downs: string[] = [];
    port.start({
      onData: (chunk) => heard.push(...chunk),
      onDrain: () => undefined,
      onClose: (reason) => downs.push(reason),
    });
    pty.far.start({
      onData: (chunk) => pty.far.write([chunk.slice()]),
      onDrain: () => undefined,
      onClose: () => undefined,
    });
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    port.write([all]);
    await until(() => heard.length === 256);
    expect(heard).toEqual([...all]);
    pty.remove();
    port.write([all]);
    await until(() => downs.length === 1);
    expect(downs).toEqual(['the serial port is gone']);
  });

  test('that is held names the holder; one that is missing says so', async () => {
    own();
    const pty = await openPty();
    onTestFinished(pty.remove);
    const port = await dialSerial(pty.path, 115_200)(signal());
    await expect(dialSerial(pty.path, 115_200)(signal())).rejects.toMatchObject({ code: 'board.serial-held' });
    port.destroy();
    await until(() => holderOf(pty.path) === null);
    await expect(dialSerial('/dev/ttyNowhere', 115_200)(signal())).rejects.toMatchObject({
      code: 'board.serial-missing',
    });
  });
});
