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
