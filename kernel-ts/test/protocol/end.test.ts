import { afterEach, beforeEach, expect, test } from 'vitest';
import { watchParent } from '../../src/protocol/index.js';
import { type FrontEnd, kinds, startEcho, type TestKernel } from './front-end.js';

let kernel: TestKernel;
let front: FrontEnd;

beforeEach(async () => {
  kernel = await startEcho();
  front = await kernel.connect();
});
afterEach(() => kernel.end());

test('an interrupt ends the running cell, is answered on control, and refuses the queue', async () => {
  const running = await front.execute('wait');
  const queued = await front.execute('value 1');
  await front.iopub();
  await front.iopub();
  const interrupt = await front.send('control', 'interrupt_request');
  expect((await front.receive('control')).content).toEqual({ status: 'ok' });
  expect((await front.receive('shell')).content).toMatchObject({ status: 'error', ename: 'Interrupted' });
  expect((await front.receive('shell')).content).toMatchObject({ status: 'error', ename: 'NotRun' });
  const messages = await front.until(queued);
  const of = (id: string) => kinds(messages.filter((m) => m.parent.msg_id === id));
  expect(of(interrupt)).toEqual(['status:busy', 'status:idle']);
  expect(of(running)).toEqual(['error', 'status:idle']);
  expect(of(queued)).toEqual(['status:busy', 'status:idle']);
});

test('with too many open requests shell waits, control does not, and nothing is lost', async () => {
  const small = await startEcho({ maxOpenRequests: 3 });
  const end = await small.connect();
  await end.execute('wait', { stop_on_error: false });
  const ids: string[] = [];
  for (let i = 0; i < 20; i += 1) ids.push(await end.execute(`value ${i}`));
  await end.send('shell', 'kernel_info_request');
  await end.send('control', 'kernel_info_request');
  expect((await end.receive('control')).header.msg_type).toBe('kernel_info_reply');
  expect(small.language.executed.length).toBe(1);
  await end.send('control', 'interrupt_request');
  expect((await end.receive('shell')).content.ename).toBe('Interrupted');
  const replies = [];
  for (let i = 0; i < 21; i += 1) replies.push((await end.receive('shell')).parent.msg_id);
  expect(replies.filter((id) => ids.includes(id as string))).toEqual(ids);
  await small.end();
});

test('SIGINT and interrupt_request at the same time interrupt once', async () => {
  const release = kernel.language.holdInterrupts();
  const signal = kernel.server.interrupt();
  const id = await front.send('control', 'interrupt_request');
  expect(kinds([await front.iopub()])).toEqual(['status:busy']);
  release();
  await signal;
  expect((await front.receive('control')).parent.msg_id).toBe(id);
  expect(kernel.language.interrupts).toBe(1);
  await kernel.server.interrupt();
  expect(kernel.language.interrupts).toBe(2);
});

test('interrupting an idle kernel twice is harmless', async () => {
  for (const _ of [1, 2]) {
    await front.send('control', 'interrupt_request');
    expect((await front.receive('control')).content).toEqual({ status: 'ok' });
  }
  await front.execute('value 1');
  expect((await front.receive('shell')).content.status).toBe('ok');
});

test.each([
  ['control', true],
  ['control', false],
  ['shell', true],
] as const)('shutdown on %s with restart %s is answered, then everything ends', async (channel, restart) => {
  await front.execute('wait');
  await front.iopub();
  await front.iopub();
  const id = await front.send(channel, 'shutdown_request', { restart });
  const reply = await front.receive(channel);
  expect([reply.header.msg_type, reply.content]).toEqual(['shutdown_reply', { status: 'ok', restart }]);
  expect(kinds(await front.until(id))).toEqual(['status:busy', 'shutdown_reply', 'status:idle']);
  expect(await kernel.server.closed).toEqual({ restart });
  expect(kernel.language.shutdowns).toBe(1);
});

test('the kernel ends once when its parent changes', () => {
  let parent = 41;
  let tick = (): void => {};
  let stopped = 0;
  let gone = 0;
  watchParent(() => (gone += 1), {
    parentId: () => parent,
    every: (_intervalMs, callback) => {
      tick = callback;
      return () => (stopped += 1);
    },
  });
  tick();
  expect([gone, stopped]).toEqual([0, 0]);
  parent = 1;
  tick();
  expect([gone, stopped]).toEqual([1, 1]);
});

test('a kernel that init started has no parent to watch', () => {
  watchParent(() => expect.unreachable(), { parentId: () => 1, every: () => expect.unreachable() });
});
