/** Completion and inspection through the sockets: positions are code points there, whatever the text holds. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RealKernel } from './real-kernel.js';

let kernel: RealKernel;
beforeAll(async () => {
  kernel = await RealKernel.start();
  await kernel.run('/** How far. */\nconst measure = { length_mm: 3, name: "🦊" }');
});
afterAll(() => kernel[Symbol.dispose]());

/** Code points of a text. */
const points = (text: string): number => [...text].length;

test.each([
  ['', 'measure.', 'len', 'gth'],
  ["'🦊🦊'; ", 'measure.', 'len', 'gth'],
  ['// 🦊 a line\r\n\r\n', 'measure.', 'len', ''],
  ["const 𝑥 = '👨‍👩‍👧';\r\n  ", 'measure.', 'len', 'gth_mm'],
])('after %j a member completes over the whole name, and is inspected there', async (before, owner, typed, rest) => {
  const code = `${before}${owner}${typed}${rest}\r\n'🦊'`;
  const [start, cursor] = [points(before + owner), points(before + owner + typed)];
  const completed = await kernel.ask('shell', 'complete_request', { code, cursor_pos: cursor });
  const end = start + points(typed + rest);
  expect(completed).toEqual({
    status: 'ok',
    matches: ['length_mm'],
    cursor_start: start,
    cursor_end: end,
    metadata: { _jupyter_types_experimental: [{ start, end, text: 'length_mm', type: 'property' }] },
  });
  const whole = `${before}measure.length_mm`;
  const asked = await kernel.ask('shell', 'inspect_request', { code: whole, cursor_pos: points(before) + 3 });
  expect(asked.data['text/plain']).toBe('(variable) measure: { length_mm: number; name: string; }\n\nHow far.');
  const member = await kernel.ask('control', 'inspect_request', { code: whole, cursor_pos: points(whole) });
  expect(member.data['text/plain']).toBe('(property) length_mm: number');
});

test('a call that blocks in native code blocks its cell alone: the kernel answers, completes and inspects', async () => {
  const cell = await kernel.front.execute(
    'console.log("blocking"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)',
  );
  await kernel.iopub(({ content }) => content.text === 'blocking\n');
  expect((await kernel.ask('control', 'kernel_info_request')).status).toBe('ok');
  expect((await kernel.ask('control', 'complete_request', { code: 'measure.len', cursor_pos: 11 })).matches).toEqual([
    'length_mm',
  ]);
  expect((await kernel.ask('control', 'inspect_request', { code: 'measure', cursor_pos: 3 })).found).toBe(true);
  await kernel.ask('control', 'interrupt_request');
  expect((await kernel.ended(cell)).reply.ename).toBe('Interrupted');
});
