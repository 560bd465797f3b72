/** Real programs, a real bridge, a real npulabd, one serial port: who gets through when something dies. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { findAgent } from '../src/agent/find.js';
import { dialSerial } from '../src/serial/dial.js';
import { describeHolder, holderOf, lockPath, writeHolder } from '../src/serial/lock.js';
import { until } from './fake-clock.js';
import { type NullModem, nullModem } from './null-modem.js';
import { hasPty } from './pty.js';

const hasAgent = (() => {
  try {
    return existsSync(findAgent());
  } catch {
    return false;
  }
})();
const baud = 4_000_000;
const signal = () => new AbortController().signal;
const folder = () => mkdtempSync(join(tmpdir(), 'npulab-share-'));
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
type Said = Record<string, unknown>;

/** A program of the test, told what to do a line at a time. */
class Program {
  readonly said: Said[] = [];
  readonly child: ChildProcess;

  constructor(address: string) {
    this.child = spawn(process.execPath, [join(import.meta.dirname, 'serial-program.mjs'), address], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.said.push(JSON.parse(line) as Said));
    onTestFinished(() => void this.child.kill('SIGKILL'));
  }

  tell(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  /** Waits until it has said something with this key. */
  async says(key: string): Promise<unknown> {
    await until(() => this.said.some((one) => key in one));
    return this.said.find((one) => key in one)![key];
  }
}

/** An agent behind a cable, and a folder of ports of this test's own. */
async function place(): Promise<{ cable: NullModem; address: string; agent: ChildProcess }> {
  const own = folder();
  vi.stubEnv('XDG_RUNTIME_DIR', own);
  const cable = await nullModem();
  onTestFinished(cable.remove);
  const files = ['--store', join(own, 'store'), '--log', join(own, 'log')];
  const listen = ['--listen', `serial://${cable.theirs}?baud=${baud}`];
  const agent = spawn(findAgent(), [...listen, '--backend', 'cpu', ...files, '--until-stdin-closes'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void agent.kill('SIGKILL'));
  await new Promise((resolve) => createInterface({ input: agent.stdout! }).once('line', resolve));
  return { cable, address: `serial://${cable.ours}?baud=${baud}`, agent };
}

describe.runIf(hasPty && hasAgent)('two kernels on one serial port', () => {
  test('upload and call at once; one is killed, the other goes on; the lock names bridge and users', async () => {
    const { cable, address } = await place();
    const [one, two] = [new Program(address), new Program(address)];
    expect(await one.says('bootId')).toBe(await two.says('bootId'));
    const holder = holderOf(cable.ours)!;
    expect(holder.users.map(({ pid }) => pid).sort()).toEqual([one.child.pid, two.child.pid].sort());
    expect(describeHolder(holder)).toMatch(
      /^bridge process \d+ since .*, used by .*serial-program\.mjs serial:\S+ \(process \d+\), /,
    );
    expect([lstatSync(holder.socket).mode & 0o777, lstatSync(lockPath(cable.ours)).mode & 0o777]).toEqual([
      0o600, 0o600,
    ]);
    one.tell('upload 400000');
    await one.says('doneBytes');
    // In the middle of the other's upload.
    two.tell('allocate 65536');
    two.tell('digest');
    const digest = await two.says('digest');
    expect(await one.says('right')).toBe(true);
    one.tell('upload 4000000');
    await until(() => one.said.filter((said) => 'doneBytes' in said).length > 4);
    one.child.kill('SIGKILL');
    await until(() => holderOf(cable.ours)?.users.length === 1);
    two.said.length = 0;
    two.tell('digest');
    expect(await two.says('digest')).toBe(digest);
    two.tell('upload 100000');
    expect(await two.says('right')).toBe(true);
    two.tell('close');
    await two.says('closed');
    await until(() => holderOf(cable.ours) === null);
    await until(() => !existsSync(holder.socket));
    expect(two.said.filter((said) => 'event' in said)).toEqual([{ event: 'state', state: 'lost' }]);
  });

  test('a bridge that is killed is replaced, and sessions go on with what they hold', async () => {
    const { cable, address } = await place();
    const [one, two] = [new Program(address), new Program(address)];
    await Promise.all([one.says('bootId'), two.says('bootId')]);
    one.tell('allocate 65536');
    await one.says('allocated');
    one.tell('digest');
    const digest = await one.says('digest');
    const before = holderOf(cable.ours)!;
    process.kill(before.pid, 'SIGKILL');
    await until(() => {
      const now = holderOf(cable.ours);
      return now !== null && now.pid !== before.pid && now.users.length === 2;
    });
    one.said.length = 0;
    one.tell('digest');
    expect(await one.says('digest')).toBe(digest);
    expect(one.said.filter(({ event }) => event === 'reset')).toEqual([]);
  });

  test('of which one holds the lease: the other is told who', async () => {
    const { address } = await place();
    const [one, two] = [new Program(address), new Program(address)];
    await Promise.all([one.says('bootId'), two.says('bootId')]);
    one.tell('lease ann');
    expect(await one.says('lease')).toBe('ann');
    two.tell('lease bob');
    expect(await two.says('failed')).toEqual({ code: 'leaseHeld', holder: 'ann' });
  });

  test('of which one waits for the lease: it sees who holds it, and has it when the other closes', async () => {
    const { address } = await place();
    const [one, two] = [new Program(address), new Program(address)];
    await Promise.all([one.says('bootId'), two.says('bootId')]);
    one.tell('lease ann');
    expect(await one.says('lease')).toBe('ann');
    two.tell('lease bob 60000');
    expect(await two.says('waiting')).toBe('ann');
    expect(two.said.some((said) => 'lease' in said)).toBe(false);
    one.tell('close');
    expect(await two.says('lease')).toBe('bob');
  });

  test('notice an adapter that is pulled out, and nobody holds the port any more', async () => {
    const { cable, address } = await place();
    const one = new Program(address);
    await one.says('bootId');
    const { pid } = holderOf(cable.ours)!;
    cable.unplug();
    await until(() => one.said.some(({ state }) => state === 'suspended'));
    await until(() => holderOf(cable.ours) === null);
    await until(() => !isAlive(pid));
  });
});

describe.runIf(hasPty)('a port', () => {
  test('whose lock file names a process that is no bridge is taken all the same', async () => {
    vi.stubEnv('XDG_RUNTIME_DIR', folder());
    const cable = await nullModem();
    onTestFinished(cable.remove);
    const stale = { pid: process.pid, since: '', socket: join(folder(), 'none.sock'), baud, users: [], remedy: '' };
    writeHolder(cable.ours, stale);
    const late = AbortSignal.timeout(1_500);
    await expect(dialSerial(cable.ours, baud, 0)(late)).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(holderOf(cable.ours)?.pid === process.pid).toBe(false);
  });

  test('that is missing says so, and a file of nonsense in place of a lock is no holder', async () => {
    vi.stubEnv('XDG_RUNTIME_DIR', folder());
    await expect(dialSerial('/dev/ttyNowhere', 115_200)(signal())).rejects.toMatchObject({
      code: 'board.serial-missing',
    });
    writeFileSync(lockPath('/dev/ttyNowhere'), 'nonsense');
    expect(holderOf('/dev/ttyNowhere')).toBeNull();
  });
});
