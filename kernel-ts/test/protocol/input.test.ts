import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FrontEnd, startEcho, type TestKernel } from './front-end.js';

let kernel: TestKernel;
let front: FrontEnd;

beforeEach(async () => {
  kernel = await startEcho();
  front = await kernel.connect();
});
afterEach(() => kernel.end());

/** What the cell printed of the answer to its question. */
async function answerSeen(id: string): Promise<unknown> {
  const stream = (await front.until(id)).find(({ header }) => header.msg_type === 'stream');
  return JSON.parse(stream?.content.text);
}

test('a question goes out on stdin with the cell as parent, and its answer comes back', async () => {
  const id = await front.execute('ask your name: ');
  const question = await front.receive('stdin');
  expect(question.header.msg_type).toBe('input_request');
  expect(question.parent.msg_id).toBe(id);
  expect(question.content).toEqual({ prompt: 'your name: ', password: false });
  await front.send('stdin', 'input_reply', { value: 'Ada 🦊' });
  expect(await answerSeen(id)).toEqual({ status: 'answered', text: 'Ada 🦊' });
});

test('a password is asked for as one', async () => {
  await front.execute('secret pin: ');
  expect((await front.receive('stdin')).content).toEqual({ prompt: 'pin: ', password: true });
});

test('of two clients only the asker is asked, and only the asker can answer', async () => {
  const other = await kernel.connect();
  const id = await front.execute('ask x');
  await front.receive('stdin');
  await other.send('stdin', 'input_reply', { value: 'intruder' });
  // The other client's own cell waits behind the first; its question is the first thing it ever hears on stdin.
  const otherId = await other.execute('ask y');
  await front.send('stdin', 'input_reply', { value: 'mine' });
  expect(await answerSeen(id)).toEqual({ status: 'answered', text: 'mine' });
  expect((await other.receive('stdin')).parent.msg_id).toBe(otherId);
  expect(kernel.log).toEqual(['stdin: input_reply answers no open question']);
});

test('allow_stdin false refuses at once, and nothing goes out', async () => {
  const id = await front.execute('ask x', { allow_stdin: false });
  expect(await answerSeen(id)).toEqual({ status: 'refused', why: 'not-allowed' });
  const next = await front.execute('ask y');
  expect((await front.receive('stdin')).parent.msg_id).toBe(next);
});

test('an interrupt takes the question back, and its late reply does not answer the next one', async () => {
  const id = await front.execute('ask first');
  const first = await front.receive('stdin');
  await front.send('control', 'interrupt_request');
  expect(await answerSeen(id)).toEqual({ status: 'refused', why: 'cell-ended' });
  const next = await front.execute('ask second');
  await front.receive('stdin');
  await front.send('stdin', 'input_reply', { value: 'late' }, { parent: first.header });
  await front.send('stdin', 'input_reply', { value: 'in time' });
  expect(await answerSeen(next)).toEqual({ status: 'answered', text: 'in time' });
});

test.each([
  ['input_reply', { value: 5 }],
  ['input_reply', {}],
  ['execute_request', { code: 'value 1' }],
])('%s %j on stdin is dropped, and the question stays open', async (type, content) => {
  const id = await front.execute('ask x');
  await front.receive('stdin');
  await front.send('stdin', type, content);
  await front.send('stdin', 'input_reply', { value: 'right' });
  expect(await answerSeen(id)).toEqual({ status: 'answered', text: 'right' });
});
