import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { toCodePoints, toUtf16 } from '../../src/protocol/code-points.js';
import { ProtocolError, parseConnection, readConnectionFile, startServer } from '../../src/protocol/index.js';
import { decode, type Json, type Outgoing, Writer } from '../../src/protocol/message.js';
import { Outputs } from '../../src/protocol/outputs.js';
import { SendQueue } from '../../src/protocol/send-queue.js';
import { Signer } from '../../src/protocol/signature.js';
import { EchoLanguage } from './echo-language.js';
import { startEcho } from './front-end.js';

const file = {
  transport: 'tcp',
  ip: '127.0.0.1',
  key: 'k',
  shell_port: 1,
  iopub_port: 2,
  stdin_port: 3,
  control_port: 4,
  hb_port: 5,
};

test('a connection file names the endpoints of both transports', () => {
  expect(parseConnection(file)).toEqual({
    endpoints: {
      shell: 'tcp://127.0.0.1:1',
      iopub: 'tcp://127.0.0.1:2',
      stdin: 'tcp://127.0.0.1:3',
      control: 'tcp://127.0.0.1:4',
      hb: 'tcp://127.0.0.1:5',
    },
    hash: 'sha256',
    key: 'k',
    security: {},
  });
  expect(parseConnection({ ...file, transport: 'ipc', ip: '/run/path' }).endpoints.shell).toBe('ipc:///run/path-1');
  expect(parseConnection({ ...file, transport: 'ipc', ip: 'path' }).endpoints.hb).toBe('ipc://path-5');
  expect(parseConnection({ ...file, ip: '::1' }).endpoints.shell).toBe('tcp://[::1]:1');
});

test('a file with a registration address asks for free ports, unless it names ports', () => {
  const documented = { registration_ip: '127.0.0.1', registration_port: 9, kernel_id: 'k1', key: '' };
  expect(parseConnection(documented)).toMatchObject({
    endpoints: { shell: 'tcp://127.0.0.1:*', hb: 'tcp://127.0.0.1:*' },
    registration: { endpoint: 'tcp://127.0.0.1:9', dialect: 'documented', kernelId: 'k1' },
  });
  expect(parseConnection({ ip: '::1', registration_port: 9 }).registration).toEqual({
    ...{ endpoint: 'tcp://[::1]:9', dialect: 'message', kernelId: '' },
  });
  expect(parseConnection({ ...file, ...documented }).registration).toBeUndefined();
});

test.each([
  [[], 'it is no JSON object'],
  [{ ...file, transport: 'udp' }, 'transport is "udp", not "tcp" or "ipc"'],
  [{ ...file, ip: undefined }, 'ip is missing'],
  [{ ...file, hb_port: '5' }, 'hb_port is "5", not a port'],
  [{ ...file, hb_port: 0 }, 'hb_port is 0, not a port'],
  [{ ...file, hb_port: 4 }, 'two sockets share one port'],
  [{ ...file, key: 7 }, 'key is no string'],
  [{ registration_port: 9 }, 'registration_ip is missing'],
  [{ registration_port: 0, registration_ip: '::1' }, 'registration_port is 0, not a port'],
  [{ registration_port: 9, registration_ip: '::1', kernel_id: 7 }, 'kernel_id is no string'],
  [{ transport: 'ipc', ip: 'k', registration_port: 9 }, 'registration_port asks for free ports, which only tcp has'],
  [{ ...file, curve_publickey: 'x'.repeat(40) }, 'curve_secretkey is no Z85 key of 40 characters'],
  [{ ...file, signature_scheme: 'rot13' }, 'signature_scheme is "rot13"'],
])('a wrong connection file is refused by the field (%#)', (json, what) => {
  expect(() => parseConnection(json)).toThrow(
    new ProtocolError('protocol.connection-file-invalid', `connection file: ${what}`),
  );
});

test('a connection file that cannot be read or parsed is an error with a code', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'npulab-'));
  const path = join(folder, 'c.json');
  await expect(readConnectionFile(path)).rejects.toMatchObject({ code: 'protocol.connection-file-unreadable' });
  await writeFile(path, '{');
  await expect(readConnectionFile(path)).rejects.toMatchObject({ code: 'protocol.connection-file-invalid' });
  await writeFile(path, JSON.stringify(file));
  expect((await readConnectionFile(path)).key).toBe('k');
  await rm(folder, { recursive: true });
});

test('a taken address is an error with a code', async () => {
  const kernel = await startEcho({ transport: 'tcp' });
  const connection = parseConnection(kernel.json);
  const again = startServer({ connection, language: new EchoLanguage(), log: () => {} });
  await expect(again).rejects.toMatchObject({ code: 'protocol.cannot-bind' });
  await kernel.end();
});

test('code points and UTF-16 units convert both ways and clamp', () => {
  const text = 'a🦊é🦊';
  expect([0, 1, 2, 3, 4, 9].map((n) => toUtf16(text, n))).toEqual([0, 1, 3, 4, 6, 6]);
  expect([0, 1, 3, 4, 6, 9].map((n) => toCodePoints(text, n))).toEqual([0, 1, 2, 3, 4, 4]);
  expect(toUtf16(text, -3)).toBe(0);
});

test('a send queue has one send under way, keeps the order, and survives a failing send', async () => {
  const taken: string[] = [];
  const errors: string[] = [];
  let underWay = 0;
  const sink = {
    async send([text]: (Uint8Array | string)[]) {
      underWay += 1;
      expect(underWay).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      if (text === '3') throw new Error('lost peer');
      taken.push(String(text));
    },
  };
  const queue = new SendQueue(sink, (error) => errors.push((error as Error).message));
  const sends = ['1', '2', '3', '4'].map((text) => queue.send([text]));
  expect(queue.queuedBytes).toBe(4);
  await queue.flushed();
  await Promise.all(sends);
  expect([taken, errors, queue.queuedBytes]).toEqual([['1', '2', '4'], ['lost peer'], 0]);
});

test('what is sent soon leaves before what is sent after it, and by itself at the end of the turn', async () => {
  const taken: string[] = [];
  const sink = { send: async ([text]: (Uint8Array | string)[]) => void taken.push(String(text)) };
  const queue = new SendQueue(sink, () => {});
  queue.sendSoon(['busy']);
  queue.sendSoon(['input']);
  expect(taken).toEqual([]);
  await queue.send(['result']);
  expect(taken).toEqual(['busy', 'input', 'result']);
  queue.sendSoon(['late']);
  await new Promise((resolve) => setImmediate(resolve));
  expect(taken).toEqual(['busy', 'input', 'result', 'late']);
});

test('a cell that publishes more than the limit says so once and is cut there', () => {
  const published: unknown[] = [];
  const outputs = new Outputs(
    (type, content, parent) => published.push([type, (content as Json).text ?? (content as Json).wait, parent]),
    10,
  );
  const parent = { msg_id: 'm', msg_type: 'execute_request' };
  outputs.register('1', parent, 1, false);
  const print = (text: string): void => outputs.emit('1', { kind: 'stream', name: 'stdout', text });
  print('123456');
  print('7890');
  print('x');
  print('y');
  outputs.emit('1', { kind: 'clear', wait: false });
  expect(published).toEqual([
    ['stream', '123456', parent],
    ['stream', '7890', parent],
    ['stream', 'npulab: this cell has published more than 10 bytes; the rest is dropped\n', parent],
    ['clear_output', false, parent],
  ]);
});

test('a long text leaves as the JSON that it came as, and a client reads it as any other', () => {
  const published: Outgoing[] = [];
  const outputs = new Outputs((type, content, parent) => published.push({ type, content, parent }));
  outputs.register('1', { msg_id: 'm', msg_type: 'execute_request' }, 1, false);
  outputs.emit('1', { kind: 'long-stream', name: 'stderr', json: Buffer.from('"a\\n\u{1f600}"') });
  const signer = new Signer('sha256', 'key');
  const frames = new Writer(signer, { session: 's', username: 'u' }).encode([], published[0] as Outgoing);
  const message = decode(
    frames.map((frame) => Buffer.from(frame as Uint8Array)),
    new Signer('sha256', 'key'),
  );
  expect([message.header.msg_type, message.content]).toEqual(['stream', { name: 'stderr', text: 'a\n\u{1f600}' }]);
});
