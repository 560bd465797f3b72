/** Both dialects of the handshake, against launchers that are written here with frames of their own. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Reply, Router } from 'zeromq';
import { parseConnection, type Server, startServer } from '../../src/protocol/index.js';
import { EchoLanguage } from './echo-language.js';
import { type ConnectionJson, FrontEnd, hmac } from './front-end.js';

const key = 'secret';
const names = ['shell', 'iopub', 'stdin', 'control', 'hb'];
const ends: (() => unknown)[] = [];
let language: EchoLanguage;

beforeEach(() => {
  language = new EchoLanguage();
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function bind<T extends Router | Reply>(socket: T): Promise<{ socket: T; port: number }> {
  await socket.bind('tcp://127.0.0.1:*');
  ends.push(() => socket.close());
  return { socket, port: Number(socket.lastEndpoint?.split(':').at(-1)) };
}

async function start(file: object): Promise<Server> {
  const server = await startServer({ connection: parseConnection({ key, ...file }), language, log: () => {} });
  ends.push(() => server.close());
  return server;
}

/** The kernel answers at the ports it has told. */
async function answers(ports: Record<string, number>): Promise<void> {
  const front = await FrontEnd.connect({ transport: 'tcp', ip: '127.0.0.1', key, ...ports } as ConnectionJson);
  ends.push(() => front.close());
  const id = await front.execute('value 1');
  expect((await front.receive('shell')).parent.msg_id).toBe(id);
}

test('the documented form: one signed frame with id and ports as strings, and a signed acknowledgement', async () => {
  const { socket, port } = await bind(new Router());
  const started = start({ registration_ip: '127.0.0.1', registration_port: port, kernel_id: 'kernel-7' });
  const [identity = '', ...frames] = await socket.receive();
  expect(frames.length).toBe(3);
  const [delimiter, signature, content = ''] = frames.map(String);
  expect([delimiter, signature]).toEqual(['<IDS|MSG>', hmac(key, [content])]);
  const { kernel_id: id, ...ports } = JSON.parse(content) as Record<string, string>;
  expect(id).toBe('kernel-7');
  expect(Object.keys(ports).sort()).toEqual(names.map((name) => `${name}_port`).sort());
  for (const value of Object.values(ports)) expect(value).toMatch(/^\d{4,5}$/);
  await socket.send([identity, '<IDS|MSG>', hmac(key, ['{"status":"ok"}']), '{"status":"ok"}']);
  const { endpoints } = await started;
  expect(endpoints.shell).toBe(`tcp://127.0.0.1:${ports.shell_port}`);
  await answers(Object.fromEntries(Object.entries(ports).map(([name, value]) => [name, Number(value)])));
});

test('the message form: a handshake_request with ports as numbers, and a handshake_reply', async () => {
  const { socket, port } = await bind(new Reply());
  const started = start({ ip: '127.0.0.1', registration_port: port });
  const [delimiter, signature, ...parts] = (await socket.receive()).map(String);
  expect([delimiter, signature]).toEqual(['<IDS|MSG>', hmac(key, parts)]);
  const [header, , , ports] = parts.map((part) => JSON.parse(part));
  expect(header.msg_type).toBe('handshake_request');
  expect(Object.keys(ports).sort()).toEqual(names.map((name) => `${name}_port`).sort());
  const reply = [{ msg_id: '1', msg_type: 'handshake_reply' }, header, {}, { status: 'ok' }].map((p) =>
    JSON.stringify(p),
  );
  await socket.send(['<IDS|MSG>', hmac(key, reply), ...reply]);
  await started;
  await answers(ports);
});

test('an acknowledgement with a wrong signature is no acknowledgement, and no socket stays open', async () => {
  const { socket, port } = await bind(new Router());
  const started = start({ registration_ip: '127.0.0.1', registration_port: port });
  const [identity = '', , , content = ''] = await socket.receive();
  await socket.send([identity, '<IDS|MSG>', hmac('wrong', ['{}']), '{}']);
  await expect(started).rejects.toMatchObject({
    code: 'protocol.not-registered',
    message: expect.stringContaining('wrong signature'),
  });
  const { shell_port } = JSON.parse(String(content));
  const { socket: free } = { socket: new Router() };
  ends.push(() => free.close());
  await free.bind(`tcp://127.0.0.1:${shell_port}`);
});

test('a launcher that says no is an error', async () => {
  const { socket, port } = await bind(new Reply());
  const started = start({ ip: '127.0.0.1', registration_port: port });
  await socket.receive();
  const reply = [{ msg_id: '1', msg_type: 'handshake_reply' }, {}, {}, { status: 'error' }].map((p) =>
    JSON.stringify(p),
  );
  await socket.send(['<IDS|MSG>', hmac(key, reply), ...reply]);
  await expect(started).rejects.toThrow('the answer is handshake_reply with status "error"');
});
