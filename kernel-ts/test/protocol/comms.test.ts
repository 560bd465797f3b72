import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FrontEnd, kinds, startEcho, type TestKernel } from './front-end.js';

let kernel: TestKernel;
let front: FrontEnd;

beforeEach(async () => {
  kernel = await startEcho();
  front = await kernel.connect();
});
afterEach(() => kernel.end());

async function open(target = 'echo', id = 'c1') {
  return front.until(await front.send('shell', 'comm_open', { comm_id: id, target_name: target, data: { a: 1 } }));
}
async function info(content: object = {}) {
  await front.send('shell', 'comm_info_request', content);
  return (await front.receive('shell')).content;
}

test('a client opens a comm, talks with buffers, and what comes back has the message as parent', async () => {
  expect(kinds(await open())).toEqual(['status:busy', 'status:idle']);
  const buffers = [Buffer.from([0, 255, 7]), Buffer.alloc(0)];
  const id = await front.send(
    'shell',
    'comm_msg',
    { comm_id: 'c1', data: { say: 'hi' } },
    { buffers, metadata: { m: 1 } },
  );
  const iopub = await front.until(id);
  expect(kinds(iopub)).toEqual(['status:busy', 'stream', 'comm_msg', 'status:idle']);
  expect(iopub.every(({ parent }) => parent.msg_id === id)).toBe(true);
  expect(iopub[2]).toMatchObject({ content: { comm_id: 'c1', data: { say: 'hi' } }, metadata: { m: 1 }, buffers });
  expect(kernel.language.comms[0]).toEqual({
    ...{ kind: 'open', commId: 'c1', target: 'echo', data: { a: 1 }, metadata: {}, buffers: [] },
  });
});

test('the kernel opens a comm, sends and closes it, with the cell as parent', async () => {
  const id = await front.execute('open k1\nsend k1\nclose k1\nsend k1');
  const iopub = (await front.until(id)).filter(({ header }) => header.msg_type.startsWith('comm_'));
  expect(kinds(iopub)).toEqual(['comm_open', 'comm_msg', 'comm_close']);
  expect(iopub.every(({ parent }) => parent.msg_id === id)).toBe(true);
  expect(iopub[0]?.content).toEqual({ comm_id: 'k1', target_name: 'front', data: { word: 'open' } });
});

test('an unknown target is closed on iopub, and messages to it are ignored', async () => {
  const iopub = await open('quarto_kernel_setup');
  expect(kinds(iopub)).toEqual(['status:busy', 'comm_close', 'status:idle']);
  expect(iopub[1]?.content).toEqual({ comm_id: 'c1', data: {} });
  for (const type of ['comm_msg', 'comm_close']) {
    const id = await front.send('shell', type, { comm_id: 'c1', data: {} });
    expect(kinds(await front.until(id))).toEqual(['status:busy', 'status:idle']);
  }
  expect(kernel.language.comms).toHaveLength(1);
});

test('comm_info lists what is open, of all targets or of one', async () => {
  expect(await info()).toEqual({ status: 'ok', comms: {} });
  await open('echo', 'c1');
  await front.until(await front.execute('open k1'));
  await front.receive('shell');
  expect(await info()).toEqual({
    status: 'ok',
    comms: { c1: { target_name: 'echo' }, k1: { target_name: 'front' } },
  });
  expect((await info({ target_name: 'front' })).comms).toEqual({ k1: { target_name: 'front' } });
  await front.until(await front.send('shell', 'comm_close', { comm_id: 'c1', data: {} }));
  expect((await info()).comms).toEqual({ k1: { target_name: 'front' } });
});

test('a comm message is handled while a cell runs', async () => {
  await open();
  await front.execute('wait');
  const id = await front.send('shell', 'comm_msg', { comm_id: 'c1', data: {} });
  const iopub = (await front.until(id)).filter(({ parent }) => parent.msg_id === id);
  expect(kinds(iopub)).toEqual(['status:busy', 'stream', 'comm_msg', 'status:idle']);
});

test.each([
  [{ target_name: 'echo' }, 'comm_id is no string'],
  [{ comm_id: 'c', target_name: 5 }, 'target_name is no string'],
  [{ comm_id: 'c', target_name: 'echo', data: [1] }, 'data is no object'],
])('comm_open %j is refused and the kernel goes on', async (content, evalue) => {
  const id = await front.send('shell', 'comm_open', content);
  expect(kinds(await front.until(id))).toEqual(['status:busy', 'status:idle']);
  expect(kernel.log).toEqual([`comm_open: ${evalue}`]);
  expect((await info()).status).toBe('ok');
});

test('opening an open comm again changes nothing', async () => {
  await open();
  await open();
  expect(kernel.language.comms).toHaveLength(1);
});
