/** The kernel as Jupyter starts it: a process with the real engine, ended in every way there is. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Request } from 'zeromq';
import { parseConnection } from '../../src/protocol/index.js';
import { descendants, gone } from '../processes.js';
import { type ConnectionJson, FrontEnd, kinds } from '../protocol/front-end.js';

const launcher = fileURLToPath(new URL('../../bin/npulab.js', import.meta.url));

let folder: string;
let json: ConnectionJson;
let front: FrontEnd | undefined;
let process_: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npulab-kernel-'));
  const ports = { shell_port: 1, iopub_port: 2, stdin_port: 3, control_port: 4, hb_port: 5 };
  json = { transport: 'ipc', ip: join(folder, 'k'), key: 'secret', signature_scheme: 'hmac-sha256', ...ports };
  await writeFile(join(folder, 'connection.json'), JSON.stringify(json));
});
afterEach(async () => {
  front?.close();
  front = undefined;
  process_?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

function start(program: string, args: string[]): ChildProcess {
  const env = { ...process.env, XDG_STATE_HOME: join(folder, 'state') };
  process_ = spawn(program, args, { cwd: folder, env, stdio: ['pipe', 'ignore', 'inherit'] });
  return process_;
}

async function startKernel(): Promise<{ kernel: ChildProcess; front: FrontEnd }> {
  const kernel = start(process.execPath, [launcher, 'kernel', join(folder, 'connection.json')]);
  front = await FrontEnd.connect(json);
  return { kernel, front };
}

/** Polls; the test's own time limit ends it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A cell that says that it runs, and then never gives the thread back. */
const spin = "require('node:fs').writeFileSync('ready', ''); while (true) {}";

function ended(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve([code, signal])));
}

test('answers as a TypeScript kernel and runs a cell', async () => {
  const { front } = await startKernel();
  await front.send('control', 'kernel_info_request');
  const { language_info: language } = (await front.receive('control')).content;
  expect([language.name, language.mimetype, language.file_extension]).toEqual(['typescript', 'text/typescript', '.ts']);
  const id = await front.execute('const answer: number = 6 * 7;\nanswer');
  expect((await front.receive('shell')).content).toMatchObject({ status: 'ok', execution_count: 1 });
  const result = (await front.until(id)).find((message) => message.header.msg_type === 'execute_result');
  expect(result?.content.data['text/plain']).toBe('42');
});

test('a cell sees the names of the lab, typed', async () => {
  const { front } = await startKernel();
  const id = await front.execute('const connect: Function = lab.connect;\nhtml`<b>found</b>`');
  expect((await front.receive('shell')).content.status).toBe('ok');
  const result = (await front.until(id)).find((message) => message.header.msg_type === 'execute_result');
  expect(result?.content.data['text/html']).toBe('<b>found</b>');
  const wrong = await front.execute('lab.conect()');
  const { ename, evalue } = (await front.receive('shell')).content;
  expect([ename, evalue]).toEqual(['TypeCheckError', expect.stringContaining('conect')]);
  await front.until(wrong);
});

test('notebooks made for tslab run: its names are there, typed, and a new display is replaced in place', async () => {
  const { front } = await startKernel();
  const id = await front.execute(`import * as tslab from 'tslab';
const d: tslab.Display = tslab.newDisplay();
d.html('<i>one</i>');
d.html('<i>two</i>');
tslab.display.png(Uint8Array.of(1, 2, 3));
tslab.display.raw('application/x-own', 'text');`);
  expect((await front.receive('shell')).content.status).toBe('ok');
  const shown = (await front.until(id)).filter(({ header }) => header.msg_type.includes('display'));
  expect(shown.map(({ header, content }) => [header.msg_type, content.data])).toEqual([
    ['display_data', { 'text/html': '<i>one</i>', 'text/plain': '[text/html]' }],
    ['update_display_data', { 'text/html': '<i>two</i>', 'text/plain': '[text/html]' }],
    ['display_data', { 'image/png': 'AQID', 'text/plain': '[image/png]' }],
    ['display_data', { 'application/x-own': 'text', 'text/plain': '[application/x-own]' }],
  ]);
  await front.execute("import { display } from 'tslab'; display.png('no bytes')");
  expect((await front.receive('shell')).content.ename).toBe('TypeCheckError');
});

test('SIGINT stops an endless loop and keeps the variables', async () => {
  const { kernel, front } = await startKernel();
  const first = await front.execute(`let kept = 42; ${spin}`);
  await until(() => existsSync(join(folder, 'ready')));
  kernel.kill('SIGINT');
  expect((await front.receive('shell')).content.status).toBe('error');
  expect(kinds(await front.until(first)).slice(-2)).toEqual(['error', 'status:idle']);
  const second = await front.execute('kept');
  expect((await front.receive('shell')).content.status).toBe('ok');
  const result = (await front.until(second)).find((message) => message.header.msg_type === 'execute_result');
  expect(result?.content.data['text/plain']).toBe('42');
});

test('while a cell spins, heartbeat and control answer, and shutdown ends every process', async () => {
  const { kernel, front } = await startKernel();
  await front.execute(spin);
  await until(() => existsSync(join(folder, 'ready')));
  await front.send('control', 'kernel_info_request');
  expect((await front.receive('control')).content.status).toBe('ok');
  const heartbeat = new Request({ linger: 0 });
  heartbeat.connect(parseConnection(json).endpoints.hb);
  await heartbeat.send('alive?');
  expect(String(await heartbeat.receive())).toBe('alive?');
  heartbeat.close();
  const family = descendants(kernel.pid!);
  expect(family.length).toBeGreaterThan(0);
  const exit = ended(kernel);
  await front.send('control', 'shutdown_request', { restart: true });
  expect((await front.receive('control')).content).toEqual({ status: 'ok', restart: true });
  expect(await exit).toEqual([0, null]);
  await gone(...family);
});

test('ends with all its processes when its parent dies, also while a cell spins', async () => {
  const script = `require('node:child_process').spawn(process.execPath, ${JSON.stringify([launcher, 'kernel', join(folder, 'connection.json')])}, { stdio: 'ignore' }); setInterval(() => {}, 1e6);`;
  const parent = start(process.execPath, ['-e', script]);
  front = await FrontEnd.connect(json);
  await front.execute(spin);
  await until(() => existsSync(join(folder, 'ready')));
  const family = descendants(parent.pid!);
  expect(family.length).toBeGreaterThan(1);
  parent.kill('SIGKILL');
  await gone(...family);
});
