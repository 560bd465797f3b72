import { afterEach, expect, test } from 'vitest';
import { hmac, kinds, startEcho, type TestKernel } from './front-end.js';

let kernel: TestKernel;
afterEach(() => kernel.end());

const types = (messages: { header: { msg_type: string } }[]): string[] => messages.map((m) => m.header.msg_type);

test.each(['tcp', 'ipc'] as const)('the %s transport serves all five sockets', async (transport) => {
  kernel = await startEcho({ transport });
  const front = await kernel.connect();
  const id = await front.execute('value 1');
  expect((await front.receive('shell')).parent.msg_id).toBe(id);
  expect(kinds(await front.until(id))).toEqual(['status:busy', 'execute_input', 'execute_result', 'status:idle']);
  await front.send('control', 'kernel_info_request');
  expect((await front.receive('control')).header.msg_type).toBe('kernel_info_reply');
  const heartbeat = await kernel.heartbeat();
  await heartbeat.send(['ping', Buffer.from([0, 255])]);
  expect(await heartbeat.receive()).toEqual([Buffer.from('ping'), Buffer.from([0, 255])]);
});

test('every message is well formed and carries the own session of the kernel', async () => {
  kernel = await startEcho();
  const front = await kernel.connect();
  const id = await front.execute('print a\nvalue 1');
  const all = [await front.receive('shell'), ...(await front.until(id))];
  expect(new Set(all.map((m) => m.header.msg_id)).size).toBe(all.length);
  for (const { header, parent, metadata } of all) {
    expect(header.session).toBe(kernel.server.session);
    expect(header.session).not.toBe(front.session);
    expect(header.version).toBe('5.5');
    expect(header.username).toBe('kernel');
    expect(header.date).toBe(new Date(header.date as string).toISOString());
    expect(parent).toMatchObject({ msg_id: id, msg_type: 'execute_request', session: front.session, version: '5.4' });
    expect(metadata).toEqual({});
  }
});

test('a wrong signature is dropped and the next message is answered', async () => {
  kernel = await startEcho();
  const front = await kernel.connect();
  const parts = [front.header('kernel_info_request'), {}, {}, {}].map((p) => JSON.stringify(p));
  await front.raw('shell', ['<IDS|MSG>', hmac('wrong', parts), ...parts]);
  await front.raw('shell', ['<IDS|MSG>', '', ...parts]);
  await front.raw('shell', ['<IDS|MSG>', 'ab', ...parts]);
  const id = await front.send('shell', 'kernel_info_request');
  expect((await front.receive('shell')).parent.msg_id).toBe(id);
  expect(kernel.log).toEqual(Array(3).fill('shell: a message has a wrong signature'));
});

test('a replayed message is refused', async () => {
  kernel = await startEcho();
  const front = await kernel.connect();
  const parts = [front.header('execute_request'), {}, {}, { code: 'value 1' }].map((p) => JSON.stringify(p));
  const frames = ['<IDS|MSG>', hmac('secret', parts), ...parts];
  await front.raw('shell', frames);
  await front.raw('shell', frames);
  const id = await front.execute('value 2');
  await front.receive('shell');
  expect((await front.receive('shell')).parent.msg_id).toBe(id);
  expect(kernel.language.executed.map((r) => r.code)).toEqual(['value 1', 'value 2']);
});

test('an empty key means no signatures, and equal messages are no replay', async () => {
  kernel = await startEcho({ key: '' });
  const front = await kernel.connect();
  const parts = [front.header('execute_request'), {}, {}, { code: 'value 1' }].map((p) => JSON.stringify(p));
  await front.raw('shell', ['<IDS|MSG>', '', ...parts]);
  await front.raw('shell', ['<IDS|MSG>', 'anything', ...parts]);
  const replies = [await front.receive('shell'), await front.receive('shell')];
  expect(replies.map((r) => r.signature)).toEqual(['', '']);
  expect(kernel.language.executed.length).toBe(2);
});

test('malformed messages do not stop the kernel', async () => {
  kernel = await startEcho({ key: '' });
  const front = await kernel.connect();
  const good = JSON.stringify(front.header('kernel_info_request'));
  await front.raw('shell', ['no delimiter']);
  await front.raw('shell', ['<IDS|MSG>', '', good, '{}']);
  await front.raw('shell', ['<IDS|MSG>', '', '{not json', '{}', '{}', '{}']);
  await front.raw('shell', ['<IDS|MSG>', '', '[]', '{}', '{}', '{}']);
  await front.raw('shell', ['<IDS|MSG>', '', '{"msg_type":"kernel_info_request"}', '{}', '{}', '{}']);
  await front.raw('shell', ['<IDS|MSG>', '', '{"msg_id":"1"}', '{}', '{}', '{}']);
  await front.raw('shell', ['<IDS|MSG>', '', good, '{}', '{}', '7']);
  await front.raw('shell', ['<IDS|MSG>', '', good, '{}', '{}', Buffer.from([0xff, 0xfe])]);
  const id = await front.send('shell', 'kernel_info_request');
  expect((await front.receive('shell')).parent.msg_id).toBe(id);
  expect(kernel.log).toEqual([
    'shell: no <IDS|MSG> delimiter',
    'shell: 3 frames, not 5',
    'shell: header is not JSON',
    'shell: header is no object',
    'shell: header has no msg_id',
    'shell: header has no msg_type',
    'shell: content is no object',
    'shell: content is not JSON',
  ]);
});

test('any number of identities before the delimiter is echoed', async () => {
  kernel = await startEcho();
  const front = await kernel.connect();
  const parts = [front.header('kernel_info_request'), {}, {}, {}].map((p) => JSON.stringify(p));
  await front.raw('shell', ['one', 'two', '', '<IDS|MSG>', hmac('secret', parts), ...parts]);
  expect((await front.receive('shell')).identities).toEqual(['one', 'two', '']);
});

test('an unknown message type is bracketed and ignored', async () => {
  kernel = await startEcho();
  const front = await kernel.connect();
  const id = await front.send('shell', 'make_coffee_request');
  expect(kinds(await front.until(id))).toEqual(['status:busy', 'status:idle']);
  const next = await front.send('shell', 'kernel_info_request');
  expect((await front.receive('shell')).parent.msg_id).toBe(next);
  expect(kernel.log).toEqual(['shell: unknown message type "make_coffee_request"']);
});

test('each subscriber gets the welcome with its subscription before anything else', async () => {
  kernel = await startEcho();
  const first = await kernel.connect();
  expect(first.welcome?.content).toEqual({ subscription: '' });
  expect(first.welcome?.parent).toEqual({});
  const busy = await first.execute('wait');
  const second = await kernel.connect('kernel.');
  expect(second.welcome?.content).toEqual({ subscription: 'kernel.' });
  await first.send('control', 'interrupt_request');
  expect(types(await second.until(busy)).at(-1)).toBe('status');
});

test('two clients get their own replies', async () => {
  kernel = await startEcho();
  const [a, b] = [await kernel.connect(), await kernel.connect()];
  const idA = await a.execute('value a');
  const idB = await b.execute('value b');
  expect((await b.receive('shell')).parent.msg_id).toBe(idB);
  expect((await a.receive('shell')).parent.msg_id).toBe(idA);
});
