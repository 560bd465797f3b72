/** Input, interrupts and several clients (IN, IR, CM of the acceptance list), through the sockets of the real kernel. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FrontEnd } from '../protocol/front-end.js';
import { RealKernel } from './real-kernel.js';

let kernel: RealKernel;
let other: FrontEnd;
beforeAll(async () => {
  kernel = await RealKernel.start();
  other = await FrontEnd.connect(kernel.json);
});
afterAll(() => {
  other.close();
  kernel[Symbol.dispose]();
});

test('input asks the client whose cell it is, with the cell as parent, and takes only its answer', async () => {
  const id = await other.execute('await input("name? ", { password: true })', { allow_stdin: true });
  const question = await other.receive('stdin');
  expect([question.header.msg_type, question.parent.msg_id]).toEqual(['input_request', id]);
  expect(question.content).toEqual({ prompt: 'name? ', password: true });
  await kernel.front.send('stdin', 'input_reply', { value: 'not asked' });
  await kernel.ask('control', 'kernel_info_request');
  await other.send('stdin', 'input_reply', { value: 'Ada' }, { parent: question.header });
  expect((await other.receive('shell')).content.status).toBe('ok');
  const result = (await other.until(id)).find(({ header }) => header.msg_type === 'execute_result');
  expect(result?.content.data['text/plain']).toBe("'Ada'");
  await kernel.front.until(id);
});

test('where nobody may be asked, asking is an error at once', async () => {
  const { reply } = await kernel.run('await input("x")', { allow_stdin: false });
  expect(reply).toMatchObject({ status: 'error', evalue: 'whoever runs this cell takes no input' });
});

test('waiting for input is interrupted, a late answer is ignored, and the next question gets its own', async () => {
  const waiting = await kernel.front.execute('await input("first")', { allow_stdin: true });
  const late = await kernel.front.receive('stdin');
  expect(await kernel.ask('control', 'interrupt_request')).toEqual({ status: 'ok' });
  expect((await kernel.ended(waiting)).reply.ename).toBe('Interrupted');
  await kernel.front.send('stdin', 'input_reply', { value: 'too late' }, { parent: late.header });
  const next = await kernel.front.execute('await input("second")', { allow_stdin: true });
  const question = await kernel.front.receive('stdin');
  await kernel.front.send('stdin', 'input_reply', { value: 'in time' }, { parent: question.header });
  expect((await kernel.ended(next)).result['text/plain']).toBe("'in time'");
});

test('a client that goes away in the middle of its cell stops neither the cell nor the others', async () => {
  const leaving = await FrontEnd.connect(kernel.json);
  const id = await leaving.execute(
    'var left = 0; await new Promise((done) => setTimeout(done, 30)); left = 1; console.log("x".repeat(1e6))',
  );
  await leaving.iopub();
  leaving.close();
  await kernel.front.until(id);
  expect((await kernel.run('left')).result['text/plain']).toBe('1');
});

test('a client that goes away while it is asked leaves a cell that can be interrupted', async () => {
  const leaving = await FrontEnd.connect(kernel.json);
  const id = await leaving.execute('await input("anyone?")', { allow_stdin: true });
  await leaving.receive('stdin');
  leaving.close();
  await kernel.ask('control', 'interrupt_request');
  const messages = await kernel.front.until(id);
  expect(messages.find(({ header }) => header.msg_type === 'error')?.content.ename).toBe('Interrupted');
  expect((await kernel.run('1')).reply.status).toBe('ok');
});

test('interrupting an idle kernel, twice, is harmless', async () => {
  for (const _ of [1, 2]) expect(await kernel.ask('control', 'interrupt_request')).toEqual({ status: 'ok' });
  expect((await kernel.run('40 + 2')).result['text/plain']).toBe('42');
});

test('an unknown comm target is closed on iopub and the kernel goes on', async () => {
  const id = await kernel.front.send('shell', 'comm_open', {
    comm_id: 'q',
    target_name: 'quarto_kernel_setup',
    data: {},
  });
  const closed = (await kernel.front.until(id)).find(({ header }) => header.msg_type === 'comm_close');
  expect(closed?.content.comm_id).toBe('q');
  expect((await kernel.run('1')).reply.status).toBe('ok');
});

test('a process that ends in a cell costs its state, says so, and the connection goes on', async () => {
  await kernel.run('var state = 1');
  const { reply } = await kernel.run('process.exit(3)');
  expect(reply).toMatchObject({ status: 'error', ename: 'ProcessEnded' });
  expect(reply.evalue).toContain('the state is lost');
  expect((await kernel.run('typeof (globalThis as any).state')).result['text/plain']).toBe("'undefined'");
});
