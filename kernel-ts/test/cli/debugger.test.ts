/**
 * The debugger of the kernel that Jupyter starts: JupyterLab's own messages over the sockets, and everything that must work
 * while a cell is stopped.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Request } from 'zeromq';
import { parseConnection } from '../../src/protocol/index.js';
import { type Body, checkEvent, checkResponse } from '../engine/debug/client.js';
import { descendants, gone } from '../processes.js';
import { type ConnectionJson, FrontEnd, kinds, type Received } from '../protocol/front-end.js';

const launcher = fileURLToPath(new URL('../../bin/npulab.js', import.meta.url));
const code =
  'type N = number;\nfunction twice(n: N): N {\n  const r = n * 2;\n  return r;\n}\nconst answer = twice(21);\nanswer';

let folder: string;
let json: ConnectionJson;
let kernel: ChildProcess;
let front: FrontEnd;
let seq: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npulab-debug-'));
  const ports = { shell_port: 1, iopub_port: 2, stdin_port: 3, control_port: 4, hb_port: 5 };
  json = { transport: 'ipc', ip: join(folder, 'k'), key: 'secret', signature_scheme: 'hmac-sha256', ...ports };
  await writeFile(join(folder, 'connection.json'), JSON.stringify(json));
  const env = { ...process.env, XDG_STATE_HOME: join(folder, 'state') };
  kernel = spawn(process.execPath, [launcher, 'kernel', join(folder, 'connection.json')], {
    cwd: folder,
    env,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  front = await FrontEnd.connect(json);
  seq = 0;
});
afterEach(async () => {
  if (kernel.exitCode === null && kernel.signalCode === null) {
    const exit = new Promise((resolve) => kernel.once('exit', resolve));
    await front.send('control', 'shutdown_request', { restart: false });
    await exit;
  }
  front.close();
  await rm(folder, { recursive: true, force: true });
});

/** Sends a debug request; gives the reply and what was published for it, which must begin busy and end idle. */
async function ask(command: string, args: object = {}): Promise<{ body: Body; iopub: Received[] }> {
  seq += 1;
  const id = await front.send('control', 'debug_request', { type: 'request', seq, command, arguments: args });
  const [reply, iopub] = await Promise.all([front.receive('control'), front.until(id)]);
  expect([reply.header.msg_type, reply.parent.msg_id]).toEqual(['debug_reply', id]);
  expect(reply.content).toMatchObject({ type: 'response', request_seq: seq, command, success: true });
  checkResponse(reply.content);
  const own = iopub.filter(({ parent }) => parent.msg_id === id);
  expect([kinds(own).at(0), kinds(own).at(-1)]).toEqual(['status:busy', 'status:idle']);
  return { body: reply.content.body, iopub };
}

const events = (messages: readonly Received[]): string[] =>
  messages.filter(({ header }) => header.msg_type === 'debug_event').map(({ content }) => content.event);

async function until(name: string): Promise<Received> {
  for (;;) {
    const message = await front.iopub();
    if (message.header.msg_type === 'debug_event') {
      checkEvent(message.content);
      if (message.content.event === name) return message;
    }
  }
}

/** Switches the debugger on as JupyterLab does, and stops the cell in `twice`. */
async function stop(): Promise<{ id: string; path: string }> {
  await ask('debugInfo');
  const started = await ask('initialize', {
    clientID: 'jupyterlab',
    clientName: 'JupyterLab',
    adapterID: 'npulab',
    pathFormat: 'path',
    linesStartAt1: true,
    columnsStartAt1: true,
    supportsVariableType: true,
    supportsVariablePaging: true,
    supportsRunInTerminalRequest: true,
    locale: 'en',
  });
  expect(events(started.iopub)).toEqual(['initialized']);
  expect(events((await ask('attach')).iopub)).toEqual(['process', 'thread']);
  const { sourcePath: path } = (await ask('dumpCell', { code })).body;
  await ask('setBreakpoints', { breakpoints: [{ line: 4 }], source: { path }, sourceModified: false });
  await ask('configurationDone');
  const info = (await ask('debugInfo')).body;
  expect(info).toMatchObject({ isStarted: true, breakpoints: [{ source: path, breakpoints: [{ line: 4 }] }] });
  const id = await front.execute(code);
  expect((await until('stopped')).content.body).toMatchObject({ reason: 'breakpoint', threadId: 1 });
  return { id, path };
}

test('kernel_info announces the debugger', async () => {
  await front.send('control', 'kernel_info_request');
  const { content } = await front.receive('control');
  expect([content.supported_features.includes('debugger'), content.debugger]).toEqual([true, true]);
});

test("JupyterLab's messages stop a cell, look at it, step and go on", async () => {
  const { id, path } = await stop();
  const { stackFrames } = (await ask('stackTrace', { threadId: 1 })).body;
  const source = { name: 'cell 1', path, sourceReference: 0 };
  expect(stackFrames).toEqual([
    { id: expect.any(Number), name: 'twice', source, line: 4, column: 10 },
    { id: expect.any(Number), name: 'cell 1', source, line: 6, column: 16 },
  ]);
  const { scopes } = (await ask('scopes', { frameId: stackFrames[0].id })).body;
  expect(scopes.map(({ name }: Body) => name)).toEqual(['Locals', 'Globals']);
  const { variables } = (await ask('variables', { variablesReference: scopes[0].variablesReference })).body;
  expect(variables).toEqual([
    // No type: JupyterLab would show it in place of the value.
    { name: 'n', value: '21', evaluateName: 'n', variablesReference: 0 },
    { name: 'r', value: '42', evaluateName: 'r', variablesReference: 0 },
  ]);
  expect((await ask('source', { source: { path }, sourceReference: 0 })).body.content).toBe(code);
  const rich = { variableName: 'r', frameId: stackFrames[0].id };
  expect((await ask('richInspectVariables', rich)).body).toEqual({ data: { 'text/plain': '42' }, metadata: {} });
  const { iopub } = await ask('next', { threadId: 1 });
  expect(events(iopub)).toContain('continued');
  if (!events(iopub).includes('stopped')) await until('stopped');
  await ask('continue', { threadId: 1 });
  expect((await front.receive('shell')).content).toMatchObject({ status: 'ok', execution_count: 1 });
  await ask('disconnect', { restart: false, terminateDebuggee: false });
  const after = await front.execute('answer');
  await front.receive('shell');
  const result = (await front.until(after)).find(({ header }) => header.msg_type === 'execute_result');
  expect(result?.content.data['text/plain']).toBe('42');
  expect(id).not.toBe(after);
});

test('a stopped cell keeps kernel_info, heartbeat, completion and history alive, and an interrupt ends it', async () => {
  const { id } = await stop();
  await front.send('control', 'kernel_info_request');
  expect((await front.receive('control')).content.status).toBe('ok');
  await front.send('shell', 'complete_request', { code: 'Math.ma', cursor_pos: 7 });
  expect((await front.receive('shell')).content.matches).toContain('max');
  const heartbeat = new Request({ linger: 0 });
  heartbeat.connect(parseConnection(json).endpoints.hb);
  await heartbeat.send('alive?');
  expect(String(await heartbeat.receive())).toBe('alive?');
  heartbeat.close();
  await front.send('control', 'interrupt_request');
  expect((await front.receive('control')).content.status).toBe('ok');
  expect((await front.receive('shell')).content).toMatchObject({ status: 'error', ename: 'Interrupted' });
  const rest = await front.until(id);
  expect(kinds(rest).slice(-2)).toEqual(['error', 'status:idle']);
  const next = await front.execute('twice(4) / 4');
  await until('stopped');
  await ask('continue', { threadId: 1 });
  expect((await front.receive('shell')).content).toMatchObject({ status: 'ok', execution_count: 2 });
  expect(next).toBeTypeOf('string');
});

test('a shutdown while a cell is stopped is answered, and every process ends', async () => {
  await stop();
  const family = descendants(kernel.pid as number);
  await front.send('control', 'shutdown_request', { restart: true });
  expect((await front.receive('control')).content).toEqual({ status: 'ok', restart: true });
  await gone(...family);
});

test('a kernel that is killed while a cell is stopped leaves no process behind', async () => {
  await stop();
  const family = descendants(kernel.pid as number);
  expect(family.length).toBeGreaterThan(1);
  kernel.kill('SIGKILL');
  await gone(...family);
});

test('a malformed debug request is answered', async () => {
  for (const content of [{}, { seq: 1 }, { type: 'request', seq: 2, command: 'nonsense', arguments: 3 }]) {
    await front.send('control', 'debug_request', content);
    const { header, content: answer } = await front.receive('control');
    expect([header.msg_type, answer.success, answer.type]).toEqual(['debug_reply', false, 'response']);
    expect(answer.message).toMatch(/\. [A-Z]/);
  }
});
