import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CommMessage } from '../../src/engine/types.js';
import { GLOBALS, type Lab, startLab } from './harness.js';

let lab: Lab;
let sent: { requestId: string; message: CommMessage }[];

beforeAll(() => {
  lab = startLab(GLOBALS);
  lab.engine.onComm = (requestId, message) => {
    sent.push({ requestId, message });
  };
});
beforeEach(() => {
  sent = [];
});
afterAll(() => lab.close());

let count = 0;
function tell(kind: CommMessage['kind'], commId: string, more: Partial<CommMessage> = {}) {
  count += 1;
  const requestId = `comm-${count}`;
  const handled = lab.engine.comm(requestId, { kind, commId, data: {}, metadata: {}, buffers: [], ...more });
  return { requestId, handled };
}

describe('a client opens', () => {
  test('a registered target: its handler gets the comm, answers, and prints under the message', async () => {
    await lab.run(`comms.register('sum', (comm, { data }) => {
  let total = data.from as number;
  comm.onMessage = async ({ data, buffers }) => {
    await null;
    console.log('adding', data.n);
    comm.send({ total: total += data.n as number }, { buffers });
  };
  comm.onClose = () => console.log('closed at', total);
});`);
    expect(await tell('open', 'a', { target: 'sum', data: { from: 10 } }).handled).toBe(true);
    const message = tell('message', 'a', { data: { n: 5 }, buffers: [Buffer.from([1, 2])] });
    expect(await message.handled).toBe(true);
    expect(sent).toMatchObject([
      { requestId: message.requestId, message: { kind: 'message', commId: 'a', data: { total: 15 } } },
    ]);
    expect([...(sent[0]?.message.buffers[0] ?? [])]).toEqual([1, 2]);
    await lab.until(message.requestId, (outputs) =>
      outputs.some((o) => o.kind === 'stream' && o.text === 'adding 5\n'),
    );
    const close = tell('close', 'a');
    expect(await close.handled).toBe(true);
    await lab.until(close.requestId, (outputs) =>
      outputs.some((o) => o.kind === 'stream' && o.text === 'closed at 15\n'),
    );
    expect(await tell('message', 'a').handled).toBe(false);
  });

  test('an unknown target: nobody knows it', async () => {
    expect(await tell('open', 'x', { target: 'nobody' }).handled).toBe(false);
  });

  test('a target whose handler throws: the error is shown under the message and the comm is closed', async () => {
    await lab.run("comms.register('broken', () => { throw new Error('no service'); })");
    const { requestId, handled } = tell('open', 'b', { target: 'broken' });
    expect(await handled).toBe(true);
    await lab.until(requestId, (outputs) => outputs.some((o) => o.kind === 'stream' && o.text.includes('no service')));
    expect(sent.map(({ message }) => [message.kind, message.commId])).toEqual([['close', 'b']]);
  });
});

test('a cell opens a comm, sends and closes it; what is not JSON fails in its line', async () => {
  const ran = await lab.run(`const c = comms.open('front', { data: { hello: 1 } });
c.send({ n: 1, when: new Date(0) });
c.close();
c.send({ dropped: true });
c.isOpen`);
  expect(ran.result).toBe('false');
  const id = sent[0]?.message.commId as string;
  expect(
    sent.map(({ requestId, message: { kind, commId, data, target } }) => [requestId, kind, commId, data, target]),
  ).toEqual([
    [ran.requestId, 'open', id, { hello: 1 }, 'front'],
    [ran.requestId, 'message', id, { n: 1, when: '1970-01-01T00:00:00.000Z' }, undefined],
    [ran.requestId, 'close', id, {}, undefined],
  ]);
  expect((await lab.run("comms.open('front').send({ big: 1n })")).outcome).toMatchObject({ ename: 'TypeError' });
});

test('a message is handled while a cell awaits, and the cell can wait for it', async () => {
  await lab.run("var arrive: (id: string) => void = () => {}; comms.register('arrival', (comm) => arrive(comm.id))");
  const { requestId, ended } = lab.start(
    "console.log('waiting'); await new Promise<string>((resolve) => { arrive = resolve; })",
  );
  await lab.until(requestId, (outputs) => outputs.length > 0);
  expect(await tell('open', 'late', { target: 'arrival' }).handled).toBe(true);
  expect((await ended).result).toBe("'late'");
});

test('a handler that spins is interrupted; the comm, the variables and the next cell live', async () => {
  await lab.run(
    "var kept = 7; comms.register('spin', (comm) => { comm.onMessage = () => { console.log('spinning'); while (true) {} } })",
  );
  await tell('open', 's', { target: 'spin' }).handled;
  const { requestId, handled } = tell('message', 's');
  await lab.until(requestId, (outputs) => outputs.some((o) => o.kind === 'stream' && o.text === 'spinning\n'));
  await lab.engine.interrupt();
  expect(await handled).toBe(true);
  expect((await lab.run('kept')).result).toBe('7');
});

test('when the process ends, every open comm is closed for the clients and handlers stop waiting', async () => {
  await lab.run("comms.register('stay', (comm) => { comm.onMessage = () => new Promise(() => {}) })");
  await tell('open', 'z', { target: 'stay' }).handled;
  const { handled } = tell('message', 'z');
  sent = [];
  await lab.run('process.exit(3)');
  expect(await handled).toBe(true);
  expect(sent.map(({ message }) => [message.kind, message.commId])).toContainEqual(['close', 'z']);
  expect(await tell('open', 'z2', { target: 'stay' }).handled).toBe(false);
});
