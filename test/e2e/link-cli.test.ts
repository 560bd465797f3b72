// The commands that concern the link, against the real agent: doctor looks at a board, board lists names, link decode reads a capture.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findAgent } from '@npulab/board';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, Workplace } from './npulab.js';

const hasPython = spawnSync('python3', ['--version']).status === 0;
const place = new Workplace();
const started: ChildProcess[] = [];
afterAll(() => {
  for (const child of started) child.stdin!.end();
  place[Symbol.dispose]();
});

const firstLine = async (command: string, args: readonly string[]): Promise<string> => {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(child);
  return new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
};
const agent = async (...options: string[]): Promise<string> => {
  const files = ['--store', place.path('store'), '--log', place.path('log')];
  const ready = await firstLine(findAgent(), [...options, '--backend', 'cpu', ...files, '--until-stdin-closes']);
  return (JSON.parse(ready) as { listen: string }).listen;
};

describe('npulab doctor --board', () => {
  it('finds an agent on TCP, sends a pattern, and states the clock', async () => {
    const address = await agent('--listen', 'tcp://127.0.0.1:0');
    const { status, stdout } = await place.npulab(['doctor', '--board', address, '--json']);
    const rows = JSON.parse(stdout) as { name: string; ok: boolean; found: string }[];
    expect(rows.map(({ name, ok }) => [name, ok])).toEqual([
      ['agent', true],
      ['pattern', true],
      ['clock', true],
      ['lease', true],
    ]);
    expect(rows[1]!.found).toMatch(/64 KiB each way arrived unchanged, [\d.]+ kB\/s there, [\d.]+ kB\/s back$/);
    expect(status).toBe(0);
  });

  it('says what is wrong and what to do where nobody listens', async () => {
    const { status, stdout } = await place.npulab(['doctor', '--board', 'tcp://127.0.0.1:1']);
    expect(stdout).toContain('missing   agent: 127.0.0.1:1 refused the connection. Remedy: Nothing listens there');
    expect(status).toBe(1);
  });

  it('says which key is wanted and where it goes, and what is wrong with a key that is no key', async () => {
    const key = place.path('board.key');
    writeFileSync(key, `${'5a'.repeat(32)}\n`, { mode: 0o600 });
    const address = await agent('--listen', 'tcp://127.0.0.1:0', '--key', key);
    const without = await place.npulab(['doctor', '--board', address]);
    expect(without.stdout).toBe(
      "missing   agent: The agent refused the session: this board serves only who shows its key. Remedy: Give the key that the board's owner has: ?key=NAME at the end of the address.\n",
    );
    expect(without.status).toBe(1);
    writeFileSync(place.path('no.key'), 'abc', { mode: 0o600 });
    const wrong = await place.npulab(['doctor', '--board', `${address}?key=${place.path('no.key')}`]);
    expect(wrong.stdout).toContain('holds no key: it is not 64 hex digits. Remedy: A key file holds 64 hex digits');
    expect((await place.npulab(['doctor', '--board', `${address}?key=${key}`])).status).toBe(0);
  });

  it.runIf(hasPython)('says of a line on which nobody answers that nothing came, and what to check', async () => {
    const [ours] = JSON.parse(await firstLine('python3', [join(root, 'notebooks/null_modem.py')])) as [string];
    const { status, stdout } = await place.npulab(['doctor', '--board', `serial://${ours}`]);
    expect(stdout).toMatch(
      /^missing {3}agent: No agent answered on \S+ at 1500000 baud; nothing came at all\. Remedy: Check that npulabd runs on the board/,
    );
    expect(status).toBe(1);
  });

  it.runIf(hasPython)('tests the rate of a serial line, and names who holds a port', async () => {
    const [ours, theirs] = JSON.parse(await firstLine('python3', [join(root, 'notebooks/null_modem.py')])) as [
      string,
      string,
    ];
    await agent('--listen', `serial://${theirs}?baud=1500000&open`);
    const { stdout } = await place.npulab(['doctor', '--board', `serial://${ours}?baud=1500000`]);
    expect(stdout).toMatch(
      /ok {8}pattern: 64 KiB each way arrived unchanged, .* PDUs repeated by the board, 0 damaged/,
    );
    // Its bridge stays a moment: the next one shares the port with it, and says so.
    const again = await place.npulab(['doctor', '--board', `serial://${ours}?baud=1500000`]);
    expect(again.stdout).toMatch(/ok {8}port: shared through bridge process \d+ since .*, used by nobody now/);
    expect(again.status).toBe(0);
    // The list names who holds the port of an entry, and nobody for one that is free.
    const config = place.path('held');
    mkdirSync(join(config, 'npulab'), { recursive: true });
    const boards = { bench: { address: `serial://${ours}` }, spare: { address: 'serial:///dev/ttyS99' } };
    writeFileSync(join(config, 'npulab/boards.json'), JSON.stringify(boards));
    const list = await place.npulab(['board', 'list'], { XDG_CONFIG_HOME: config });
    const [bench, spare] = list.stdout.trim().split('\n');
    expect(bench).toMatch(/^bench: serial:\S+, held by bridge process \d+ since .*, used by nobody now; \S.*$/);
    expect(spare).toBe('spare: serial:///dev/ttyS99');
  });
});

describe('npulab board list', () => {
  it('shows the boards file, never a key', async () => {
    const config = place.path('config');
    mkdirSync(join(config, 'npulab'), { recursive: true });
    writeFileSync(join(config, 'npulab/boards.json'), '{"lab1": {"address": "tcp://lab:7777", "key": "lab1"}}');
    const { status, stdout } = await place.npulab(['board', 'list'], { XDG_CONFIG_HOME: config });
    expect([status, stdout]).toEqual([0, 'lab1: tcp://lab:7777, key lab1\n']);
  });
});

describe('npulab link decode', () => {
  let hex: string;
  beforeAll(() => {
    const vectors = JSON.parse(readFileSync(join(root, 'board/link/vectors/v1.json'), 'utf8')) as { hex: string }[];
    hex = vectors
      .map((one) => {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(one.hex.length / 2);
        return length.toString('hex') + one.hex;
      })
      .join('\n');
  });

  it('prints frames from hex, and objects with --json', async () => {
    writeFileSync(place.path('capture.hex'), hex);
    const { status, stdout } = await place.npulab(['link', 'decode', place.path('capture.hex')]);
    expect(stdout.split('\n')[3]).toMatch(/CALL sys\.info #2 \{"0":\{\}\}$/);
    expect(status).toBe(0);
    const json = await place.npulab(['link', 'decode', place.path('capture.hex'), '--json']);
    expect(JSON.parse(json.stdout.split('\n')[0]!)).toMatchObject({ kind: 'frame', type: 'HELLO' });
  });

  it('reads bytes too, and fails where some make no sense', async () => {
    const bytes = Buffer.from(hex.replaceAll('\n', ''), 'hex');
    writeFileSync(place.path('capture.bin'), bytes.subarray(0, -2));
    const { status, stdout } = await place.npulab(['link', 'decode', place.path('capture.bin'), '--tcp']);
    expect(stdout).toContain('damaged: the capture ends inside a frame');
    expect(status).toBe(1);
  });
});
