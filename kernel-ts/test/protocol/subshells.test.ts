import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FrontEnd, kinds, startEcho, type TestKernel } from './front-end.js';

let kernel: TestKernel;
let front: FrontEnd;

beforeEach(async () => {
  kernel = await startEcho();
  front = await kernel.connect();
});
afterEach(() => kernel.end());

async function control(type: string, content: object = {}) {
  await front.send('control', type, content);
  return (await front.receive('control')).content;
}
const create = async (): Promise<string> => (await control('create_subshell_request')).subshell_id;
const executeIn = (subshell_id: unknown, code: string): Promise<string> =>
  front.send('shell', 'execute_request', { code }, { header: { subshell_id } });

test('are created, listed and deleted on control', async () => {
  const [a, b] = [await create(), await create()];
  expect(await control('list_subshell_request')).toEqual({ status: 'ok', subshell_id: [a, b] });
  expect(await control('delete_subshell_request', { subshell_id: a })).toEqual({ status: 'ok' });
  expect((await control('list_subshell_request')).subshell_id).toEqual([b]);
  expect(await control('delete_subshell_request', { subshell_id: a })).toMatchObject({
    status: 'error',
    ename: 'UnknownSubshell',
  });
});

test('a cell of a subshell runs while the main one waits, with its own parent, and they share one count', async () => {
  const id = await create();
  const main = await front.execute('wait');
  const side = await executeIn(id, 'print side\nvalue 2');
  const reply = await front.receive('shell');
  expect([reply.parent.msg_id, reply.content.execution_count]).toEqual([side, 2]);
  const iopub = (await front.until(side)).filter(({ parent }) => parent.msg_id === side);
  expect(kinds(iopub)).toEqual(['status:busy', 'execute_input', 'stream', 'execute_result', 'status:idle']);
  await front.send('control', 'interrupt_request');
  expect((await front.receive('shell')).parent.msg_id).toBe(main);
  expect(kernel.language.executed.map(({ subshell }) => subshell)).toEqual([undefined, id]);
});

test('cells of one subshell keep their order, and an error there stops its own queue alone', async () => {
  const id = await create();
  const main = await front.execute('wait');
  const failing = await executeIn(id, 'throw no');
  const queued = await executeIn(id, 'print not');
  expect((await front.receive('shell')).parent.msg_id).toBe(failing);
  const refused = await front.receive('shell');
  expect([refused.parent.msg_id, refused.content.ename]).toEqual([queued, 'NotRun']);
  const next = await front.execute('print main');
  await front.send('control', 'interrupt_request');
  expect((await front.receive('shell')).parent.msg_id).toBe(main);
  expect((await front.receive('shell')).content).toMatchObject({ status: 'error', ename: 'NotRun' });
  expect(kernel.language.executed).toHaveLength(2);
  await front.until(next);
});

test('other requests to a subshell are answered, and comm messages arrive', async () => {
  const id = await create();
  await front.send('shell', 'complete_request', { code: 'ab', cursor_pos: 2 }, { header: { subshell_id: id } });
  expect((await front.receive('shell')).content.status).toBe('ok');
  const open = { comm_id: 'c', target_name: 'echo', data: {} };
  const opened = await front.send('shell', 'comm_open', open, { header: { subshell_id: id } });
  expect(kinds(await front.until(opened))).toContain('status:idle');
  expect(kernel.language.comms).toHaveLength(1);
});

test('an unknown subshell is an error for requests, and for comm messages a line in the log', async () => {
  await executeIn('nobody', 'value 1');
  expect((await front.receive('shell')).content).toMatchObject({ status: 'error', ename: 'UnknownSubshell' });
  const id = await front.send('shell', 'comm_open', { comm_id: 'c' }, { header: { subshell_id: 'nobody' } });
  expect(kinds(await front.until(id)).at(-1)).toBe('status:idle');
  expect(kernel.log).toEqual(['comm_open: no subshell nobody']);
  expect(kernel.language.executed).toEqual([]);
  await executeIn(null, 'value 1');
  expect((await front.receive('shell')).content.status).toBe('ok');
});

test('are refused on shell, where they would wait behind a cell', async () => {
  await front.send('shell', 'create_subshell_request');
  expect((await front.receive('shell')).content).toMatchObject({ status: 'error', ename: 'WrongChannel' });
});
