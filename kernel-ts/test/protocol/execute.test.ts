import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FrontEnd, kinds, startEcho, type TestKernel } from './front-end.js';

let kernel: TestKernel;
let front: FrontEnd;

beforeEach(async () => {
  kernel = await startEcho();
  front = await kernel.connect();
});
afterEach(() => kernel.end());

/** Executes and returns reply and iopub messages. */
async function run(code: string, more: object = {}, metadata: object = {}) {
  const id = await front.execute(code, more, metadata);
  const [reply, iopub] = await Promise.all([front.receive('shell'), front.until(id)]);
  expect(reply.parent.msg_id).toBe(id);
  for (const message of iopub) expect(message.parent.msg_id).toBe(id);
  return { id, reply, iopub };
}

test('a cell goes busy, input, outputs in order, result, idle', async () => {
  const { iopub, reply } = await run('print a\ndisplay b\nupdate c\nshow d\nclear wait\nvalue e');
  expect(kinds(iopub)).toEqual([
    'status:busy',
    'execute_input',
    'stream',
    'display_data',
    'update_display_data',
    'display_data',
    'clear_output',
    'execute_result',
    'status:idle',
  ]);
  expect(iopub.slice(1, -1).map((m) => m.content)).toEqual([
    { code: 'print a\ndisplay b\nupdate c\nshow d\nclear wait\nvalue e', execution_count: 1 },
    { name: 'stdout', text: 'a\n' },
    { data: { 'text/plain': 'b' }, metadata: {}, transient: { display_id: 'd' } },
    { data: { 'text/plain': 'c' }, metadata: {}, transient: { display_id: 'd' } },
    { data: { 'text/plain': 'd' }, metadata: {}, transient: {} },
    { wait: true },
    { execution_count: 1, data: { 'text/plain': 'e' }, metadata: {} },
  ]);
  expect(reply.header.msg_type).toBe('execute_reply');
  expect(reply.content).toEqual({ status: 'ok', execution_count: 1, user_expressions: {}, payload: [] });
});

test('an error is published on iopub and repeated in the reply with the count', async () => {
  const { iopub, reply } = await run('throw up');
  const error = { ename: 'EchoError', evalue: 'up', traceback: ['EchoError: up'] };
  expect(kinds(iopub)).toEqual(['status:busy', 'execute_input', 'error', 'status:idle']);
  expect(iopub[2]?.content).toEqual(error);
  expect(reply.content).toEqual({ status: 'error', ...error, execution_count: 1, user_expressions: {}, payload: [] });
});

test('a language that rejects fails the cell, not the kernel', async () => {
  expect((await run('reject oops')).reply.content).toMatchObject({
    status: 'error',
    ename: 'TypeError',
    evalue: 'oops',
  });
  expect((await run('value 1')).reply.content.status).toBe('ok');
});

test('the count grows by one per stored execution, errors included', async () => {
  const counts: number[] = [];
  for (const code of ['value 1', 'throw x', 'value 3', ''])
    counts.push((await run(code)).reply.content.execution_count);
  expect(counts).toEqual([1, 2, 3, 4]);
});

test('silent gives no input, no result, no count, and still carries the count', async () => {
  const { iopub, reply } = await run('print p\nvalue 1', { silent: true, store_history: true });
  expect(kinds(iopub)).toEqual(['status:busy', 'stream', 'status:idle']);
  expect(reply.content.execution_count).toBe(1);
  expect((await run('value 2')).reply.content.execution_count).toBe(1);
});

test('store_history false shows the next number and does not take it', async () => {
  const { iopub } = await run('value 1', { store_history: false });
  expect(kinds(iopub)).toEqual(['status:busy', 'execute_input', 'execute_result', 'status:idle']);
  expect(iopub[1]?.content.execution_count).toBe(1);
  expect((await run('value 2')).reply.content.execution_count).toBe(1);
  expect((await run('value 3')).reply.content.execution_count).toBe(2);
});

test('stop_on_error refuses what was queued with status error and runs what comes later', async () => {
  const ids = [await front.execute('throw x'), await front.execute('value 1'), await front.execute('value 2')];
  const replies = [await front.receive('shell'), await front.receive('shell'), await front.receive('shell')];
  expect(replies.map((r) => r.parent.msg_id)).toEqual(ids);
  expect(replies.map((r) => r.content.ename)).toEqual(['EchoError', 'NotRun', 'NotRun']);
  expect(replies.map((r) => r.content.status)).toEqual(['error', 'error', 'error']);
  expect(replies.map((r) => r.content.execution_count)).toEqual([1, 1, 1]);
  const first = await front.until(ids[0]!);
  expect(kinds(first)).toEqual(['status:busy', 'execute_input', 'error', 'status:idle']);
  expect(kinds(await front.until(ids[1]!))).toEqual(['status:busy', 'status:idle']);
  expect(kinds(await front.until(ids[2]!))).toEqual(['status:busy', 'status:idle']);
  expect(kernel.language.executed.map((r) => r.code)).toEqual(['throw x']);
  expect((await run('value 3')).reply.content).toMatchObject({ status: 'ok', execution_count: 2 });
});

test('stop_on_error false lets the queue run', async () => {
  await front.execute('throw x', { stop_on_error: false });
  await front.execute('value 1');
  expect((await front.receive('shell')).content.status).toBe('error');
  expect((await front.receive('shell')).content).toMatchObject({ status: 'ok', execution_count: 2 });
});

test('user expressions come back in the reply', async () => {
  const { reply } = await run('', { user_expressions: { a: '1 + 1' } });
  expect(reply.content.user_expressions).toEqual({
    a: { status: 'ok', data: { 'text/plain': '1 + 1' }, metadata: {} },
  });
});

test('the cell id of the front end reaches the language', async () => {
  await run('value 1', {}, { cellId: 'cell-7' });
  expect(kernel.language.executed.map((r) => r.cellId)).toEqual(['cell-7']);
});

test('an execute_request without code is answered with an error', async () => {
  const id = await front.send('shell', 'execute_request', { code: 3 });
  const reply = await front.receive('shell');
  expect(reply.content).toMatchObject({ status: 'error', ename: 'InvalidRequest', evalue: 'code is no string' });
  expect(kinds(await front.until(id))).toEqual(['status:busy', 'status:idle']);
});

test('late output has the cell that started it as parent, also while another runs', async () => {
  const first = await run('value 1');
  const second = await front.execute('wait');
  expect(kinds([await front.iopub(), await front.iopub()])).toEqual(['status:busy', 'execute_input']);
  kernel.language.onOutput(kernel.language.executed[0]!.requestId, { kind: 'stream', name: 'stdout', text: 'late' });
  const late = await front.iopub();
  expect([late.header.msg_type, late.parent.msg_id, late.content.text]).toEqual(['stream', first.id, 'late']);
  await front.send('control', 'interrupt_request');
  await front.until(second);
});

test('what is answered while a cell runs leaves the kernel busy with that cell until it ends', async () => {
  const cell = await front.execute('wait');
  expect(kinds([await front.iopub(), await front.iopub()])).toEqual(['status:busy', 'execute_input']);
  for (const [channel, type] of [
    ['shell', 'complete_request'],
    ['control', 'kernel_info_request'],
  ] as const) {
    const asked = await front.send(channel, type, { code: '', cursor_pos: 0 });
    expect(kinds(await front.until(asked))).toEqual(['status:busy', 'status:idle']);
    const last = await front.iopub();
    expect([...kinds([last]), last.parent.msg_id]).toEqual(['status:busy', cell]);
  }
  await kernel.language.interrupt();
  expect(kinds(await front.until(cell))).toEqual(['error', 'status:idle']);
  await front.receive('shell'); // of the completion
  await front.receive('shell');
  expect((await run('value 1')).iopub.at(-1)?.content.execution_state).toBe('idle');
});

test('execute works on control as well', async () => {
  const id = await front.send('control', 'execute_request', { code: 'value 1' });
  const reply = await front.receive('control');
  expect([reply.parent.msg_id, reply.content.status]).toEqual([id, 'ok']);
});

test('2000 small executes in a pipeline lose nothing', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 2000; i += 1) ids.push(await front.execute(`print a\nprint b\nprint c\nvalue ${i}`));
  const shape = ['status:busy', 'execute_input', 'stream', 'stream', 'stream', 'execute_result', 'status:idle'];
  for (const [i, id] of ids.entries()) {
    const reply = await front.receive('shell');
    expect([reply.parent.msg_id, reply.content.execution_count]).toEqual([id, i + 1]);
    const iopub = await front.until(id);
    expect(kinds(iopub)).toEqual(shape);
    expect(iopub[5]?.content.data).toEqual({ 'text/plain': `${i}` });
  }
});

test('5000 messages of one cell arrive before its reply and idle', async () => {
  const { iopub } = await run('repeat 5000');
  expect(iopub.length).toBe(5003);
  expect(iopub.slice(2, -1).map((m) => m.content.text)).toEqual(Array.from({ length: 5000 }, (_, i) => `${i}\n`));
});

test('a reader that sleeps through 20 000 messages finds them all', async () => {
  const id = await front.execute('repeat 20000');
  expect((await front.receive('shell')).content.status).toBe('ok');
  const texts = (await front.until(id)).slice(2, -1).map((m) => m.content.text);
  expect(texts).toEqual(Array.from({ length: 20_000 }, (_, i) => `${i}\n`));
});
