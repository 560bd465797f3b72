/** The real thread and real processes, from `dist`: agents here are small scripts, the board behind them is the fake one. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { BoardError, connect, hostCodes, wireCodes } from '@npulab/board';
import { beforeEach, describe, expect, test } from 'vitest';
import { findAgent } from '../src/agent/find.js';
import { parseReadyLine } from '../src/agent/ready-line.js';
import { openBoard } from '../src/handles/board.js';
import { socketTransport } from '../src/transport/tcp.js';
import { endpointOf } from '../src/worker/channel.js';
import { serve } from '../src/worker/serve.js';
import { FakeBoard } from './fake-board.js';
import { FakeClock, until } from './fake-clock.js';

let folder: string;
let server: Server;
let fake: FakeBoard;
let port: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npulab-connect-'));
  fake = new FakeBoard();
  server = createServer((socket) => fake.accept(socketTransport(socket)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  return async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  };
});

const readyLine = (changes: object = {}) =>
  JSON.stringify({
    npulabd: 1,
    listen: `tcp://127.0.0.1:${port}`,
    version: '0.1.0',
    protocol: { min: 1, current: 1 },
    bootId: '01',
    backend: 'sim:rk3568',
    log: '/log',
    ...changes,
  });

/** An executable that does what an agent does, as far as the script says. */
async function agent(script: string): Promise<string> {
  const path = join(folder, 'npulabd');
  await writeFile(path, `#!${process.execPath}\nconst { writeFileSync } = require('node:fs');\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}
const untilStdinCloses = (marker: string) =>
  `process.stdin.resume().on('end', () => { writeFileSync(${JSON.stringify(marker)}, 'ended'); process.exit(0); });`;
const print = (line: string) => `console.log(${JSON.stringify(line)});`;

describe('addresses', () => {
  test.each([
    '',
    'sim',
    'sim:rk3588',
    'tcp://',
    'tcp://board',
    'tcp://board:0',
    'tcp://board:65536',
    'http://board:80',
    'serial://ttyUSB0',
  ])("'%s' is refused with the forms there are", async (url) => {
    const error = await connect(url).catch((reason) => reason);
    expect(error).toBeInstanceOf(BoardError);
    expect(error).toMatchObject({
      code: 'board.unknown-address',
      remedy: expect.stringContaining("'tcp://host:port'"),
    });
  });

  test('a refused connection says who refused', async () => {
    await new Promise((resolve) => server.close(resolve));
    await expect(connect(`tcp://127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 'board.connect-refused',
      message: `127.0.0.1:${port} refused the connection`,
      fields: { port },
    });
  });

  test('an error of the link thread has the stack of the call that it answers', async () => {
    await new Promise((resolve) => server.close(resolve));
    const theCaller = async () => await connect(`tcp://127.0.0.1:${port}`);
    const { stack } = await theCaller().catch((error) => error);
    expect(stack).toMatch(/^BoardError: 127\.0\.0\.1:\d+ refused the connection\n/);
    expect(stack).toContain('theCaller');
  });

  test('something else behind the port is recognised', async () => {
    server
      .removeAllListeners('connection')
      .on('connection', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(connect(`tcp://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'board.not-an-agent' });
  });
});

describe('an agent of our own', () => {
  test('is connected to, told where to log, and ends when the board is closed', async () => {
    const marker = join(folder, 'ended');
    const args = join(folder, 'args');
    const agentPath = await agent(
      `writeFileSync(${JSON.stringify(args)}, JSON.stringify(process.argv.slice(2)));${print(readyLine())}${untilStdinCloses(marker)}`,
    );
    const board = await connect('sim:rk3568', { agentPath, logFolder: folder, storeFolder: '/store', memoryMib: 64 });
    const buffer = await board.memory.allocate(8);
    await buffer.write(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect([...(await buffer.read({ offsetBytes: 6 }))]).toEqual([7, 8]);
    expect(String(board)).toBe('Board(rk3568, fake, NPU 1 GHz, 1 GiB, times modelled, connected)');
    const display = (board as unknown as Record<symbol, () => Record<string, string>>)[
      Symbol.for('Jupyter.display')
    ]!();
    expect(Object.keys(display)).toEqual(['text/html', 'text/plain']);
    await board.close();
    expect(existsSync(marker)).toBe(true);
    const given: string[] = JSON.parse(await readFile(args, 'utf8'));
    expect(given.slice(0, 5)).toEqual([
      '--listen',
      'tcp://127.0.0.1:0',
      '--backend',
      'sim:rk3568',
      '--until-stdin-closes',
    ]);
    expect(given[6]?.startsWith(join(folder, 'npulabd-'))).toBe(true);
    expect(given.slice(7)).toEqual(['--store', '/store', '--memory-mib', '64']);
  });

  test('that is missing is said to be, with the places looked at', async () => {
    await expect(connect('cpu', { agentPath: join(folder, 'nothing') })).rejects.toMatchObject({
      code: 'board.agent-missing',
      message: `The agent npulabd was not found: agentPath names ${join(folder, 'nothing')}, which does not exist`,
      remedy: hostCodes['board.agent-missing'],
    });
    await writeFile(join(folder, 'plain'), '');
    expect(() => findAgent(undefined, { NPULAB_AGENT: join(folder, 'plain') })).toThrow('NPULAB_AGENT names');
  });

  test('that ends at once is quoted', async () => {
    const agentPath = await agent(`console.error('no such back end'); process.exit(2);`);
    await expect(connect('cpu', { agentPath })).rejects.toMatchObject({
      code: 'board.agent-start-failed',
      message: 'The agent did not start: it ended with status 2: no such back end',
      fields: { output: 'no such back end' },
    });
  });

  test('that prints something else first is refused and ended', async () => {
    const agentPath = await agent(`${print('hello')}${untilStdinCloses(join(folder, 'ended'))}`);
    await expect(connect('cpu', { agentPath })).rejects.toMatchObject({
      code: 'board.agent-start-failed',
      fields: { output: 'hello' },
    });
  });

  test('of another generation is refused with both versions', async () => {
    const agentPath = await agent(
      `${print(readyLine({ protocol: { min: 2, current: 3 }, version: '9.0.0' }))}process.stdin.resume();`,
    );
    await expect(connect('cpu', { agentPath })).rejects.toMatchObject({
      code: 'board.agent-version',
      message: 'npulabd 9.0.0 speaks protocol 2 to 3, this client 1',
    });
    expect(() => parseReadyLine(readyLine({ npulabd: 2 }))).toThrow('speaks protocol');
    expect(() => parseReadyLine(readyLine({ listen: 'tcp://127.0.0.1:99999' }))).toThrow('introduce itself');
  });

  test('that stays silent is given up at the deadline and ended', async () => {
    const started = join(folder, 'started');
    const agentPath = await agent(
      `writeFileSync(${JSON.stringify(started)}, String(process.pid)); process.stdin.resume();`,
    );
    const clock = new FakeClock();
    const { port1, port2 } = new MessageChannel();
    const target = { kind: 'agent' as const, backend: 'cpu', agentPath, logFolder: folder };
    serve({ endpoint: endpointOf(port2), target, build: 'test', clock, onClosed: () => port2.close() });
    const opening = openBoard(
      { endpoint: endpointOf(port1), url: 'cpu', timeoutMs: 5_000, afterClose: async () => port1.close() },
      () => undefined,
    ).catch((error) => error.code);
    // The file is there before the number is in it.
    await until(() => existsSync(started) && readFileSync(started, 'utf8') !== '');
    clock.advance(5_000);
    expect(await opening).toBe('board.agent-not-ready');
    expect(isRunning(Number(await readFile(started, 'utf8')))).toBe(false);
  });

  test('that dies ends the board with a pointer to its log', async () => {
    const agentPath = await agent(
      `process.on('SIGTERM', () => process.exit(3)); writeFileSync(${JSON.stringify(join(folder, 'pid'))}, String(process.pid)); ${print(readyLine())}process.stdin.resume();`,
    );
    const board = await connect('sim:rk3568', { agentPath, logFolder: folder });
    fake.held.add('sys.devices');
    const pending = board.devices();
    await until(() => fake.log.includes('CALL sys.devices'));
    process.kill(Number(await readFile(join(folder, 'pid'), 'utf8')), 'SIGTERM');
    await expect(pending).rejects.toMatchObject({
      code: 'board.agent-exited',
      message: 'sys.devices: The agent has ended: it ended with status 3',
      remedy: expect.stringMatching(
        /^Connect again\. The agent log \(\/.*\/npulabd-\d+-\d+\.log\) says why it ended\.$/,
      ),
      fields: { logFile: expect.stringContaining(folder) },
    });
    expect(board.state).toBe('lost');
    await board.close();
  });

  test('starting can be cancelled', async () => {
    const started = join(folder, 'started');
    const agentPath = await agent(
      `writeFileSync(${JSON.stringify(started)}, String(process.pid)); process.stdin.resume();`,
    );
    const control = new AbortController();
    const opening = connect('cpu', { agentPath, signal: control.signal, logFolder: folder }).catch(
      (error) => error.code,
    );
    await until(() => existsSync(started));
    control.abort();
    expect(await opening).toBe('cancelled');
    expect(isRunning(Number(await readFile(started, 'utf8')))).toBe(false);
  });

  test('ends when the notebook process is killed', async () => {
    const marker = join(folder, 'ended');
    const agentPath = await agent(`${print(readyLine())}${untilStdinCloses(marker)}`);
    const notebook = script(agentPath, `console.log('connected'); setInterval(() => {}, 1000);`);
    await new Promise((resolve) => notebook.stdout.once('data', resolve));
    notebook.kill('SIGKILL');
    await until(() => existsSync(marker));
  });

  test('does not keep a script alive that forgets to close', async () => {
    const marker = join(folder, 'ended');
    const agentPath = await agent(`${print(readyLine())}${untilStdinCloses(marker)}`);
    const notebook = script(agentPath, `console.log(board.info.backend);`);
    let output = '';
    notebook.stdout.on('data', (text) => {
      output += text;
    });
    expect(await new Promise((resolve) => notebook.once('exit', resolve))).toBe(0);
    expect(output).toBe('fake\n');
    await until(() => existsSync(marker));
  });

  test('leaves no log in the system folder after a clean end', async () => {
    const agentPath = await agent(
      `writeFileSync(process.argv[process.argv.indexOf('--log') + 1], 'x');${print(readyLine())}${untilStdinCloses(join(folder, 'ended'))}`,
    );
    const mine = async () => (await readdir(tmpdir())).filter((name) => name.startsWith(`npulabd-${process.pid}-`));
    const board = await connect('cpu', { agentPath });
    expect(await mine()).toHaveLength(1);
    await board.close();
    expect(await mine()).toHaveLength(0);
  });
});

test('every code has a remedy, and host codes carry the area', () => {
  for (const [code, remedy] of Object.entries(hostCodes)) {
    expect(code).toMatch(/^board\.[a-z]+(-[a-z]+)*$/);
    expect(remedy.length).toBeGreaterThan(20);
  }
  for (const [code, remedy] of Object.entries(wireCodes)) {
    expect(code).toMatch(/^[a-z]+([A-Z][a-z]+)*$/);
    expect(remedy.length).toBeGreaterThan(15);
  }
});

test('the wire codes are those of link.cddl', async () => {
  const cddl = await readFile(new URL('../../link/link.cddl', import.meta.url), 'utf8');
  const rule = /^error-code = ([\s\S]*?)\n\n/m.exec(cddl)![1]!;
  expect(Object.keys(wireCodes).sort()).toEqual([...rule.matchAll(/"(\w+)"/g)].map((match) => match[1]).sort());
});

function script(agentPath: string, rest: string) {
  const entry = new URL('../dist/index.js', import.meta.url).href;
  const text = `import { connect } from ${JSON.stringify(entry)};
    const board = await connect('sim:rk3568', ${JSON.stringify({ agentPath, logFolder: folder })});
    ${rest}`;
  return spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
