import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Language } from '../../src/protocol/language.js';
import { type FrontEnd, kinds, startEcho, type TestKernel } from './front-end.js';

let kernel: TestKernel;
let front: FrontEnd;

beforeEach(async () => {
  kernel = await startEcho();
  front = await kernel.connect();
});
afterEach(() => kernel.end());

async function ask(channel: 'shell' | 'control', type: string, content: object = {}, more: { header?: object } = {}) {
  const id = await front.send(channel, type, content, more);
  const [reply, iopub] = await Promise.all([front.receive(channel), front.until(id)]);
  expect(reply.parent.msg_id).toBe(id);
  expect(kinds(iopub).at(0)).toBe('status:busy');
  expect(kinds(iopub).at(-1)).toBe('status:idle');
  return { type: reply.header.msg_type, content: reply.content, iopub: iopub.slice(1, -1) };
}

describe.each(['shell', 'control'] as const)('on %s', (channel) => {
  test('kernel_info says who we are and announces only what works', async () => {
    const { type, content } = await ask(channel, 'kernel_info_request');
    expect(type).toBe('kernel_info_reply');
    expect(content).toEqual({
      status: 'ok',
      protocol_version: '5.5',
      implementation: 'echo',
      implementation_version: '1.2.3',
      banner: 'echo',
      versions: { echo: '1.2.3' },
      help_links: [],
      supported_features: ['kernel subshells'],
      debugger: false,
      language_info: {
        name: 'echo',
        version: '1',
        mimetype: 'text/echo',
        file_extension: '.echo',
        pygments_lexer: 'text',
        codemirror_mode: 'text',
        nbconvert_exporter: 'script',
      },
    });
  });

  test('connect names the five ports', async () => {
    const { type, content } = await ask(channel, 'connect_request');
    expect(type).toBe('connect_reply');
    const ports = { shell_port: 1, iopub_port: 2, stdin_port: 3, control_port: 4, hb_port: 5 };
    expect(content).toEqual({ status: 'ok', ...ports });
  });

  test('is_complete gives an indent only when incomplete', async () => {
    expect((await ask(channel, 'is_complete_request', { code: 'f {' })).content).toEqual({
      status: 'incomplete',
      indent: '  ',
    });
    expect((await ask(channel, 'is_complete_request', { code: 'f' })).content).toEqual({ status: 'complete' });
    expect((await ask(channel, 'is_complete_request', { code: '}' })).content).toEqual({ status: 'invalid' });
  });

  test('completion counts code points in and out, after an emoji and in the middle of a line', async () => {
    const { content } = await ask(channel, 'complete_request', { code: '🦊🦊 ab cd', cursor_pos: 5 });
    expect(kernel.language.cursors).toEqual([7]);
    expect(content).toEqual({
      status: 'ok',
      matches: ['word'],
      cursor_start: 3,
      cursor_end: 5,
      metadata: { _jupyter_types_experimental: [{ start: 3, end: 5, text: 'word', type: 'function' }] },
    });
  });

  test('inspection takes the cursor in code points and the detail level', async () => {
    const { content } = await ask(channel, 'inspect_request', { code: '🦊a', cursor_pos: 1, detail_level: 1 });
    expect(kernel.language.cursors).toEqual([2]);
    expect(content).toEqual({ status: 'ok', found: true, data: { 'text/plain': '🦊a:1' }, metadata: {} });
    const nothing = await ask(channel, 'inspect_request', { code: '', cursor_pos: 0 });
    expect(nothing.content).toEqual({ status: 'ok', found: false, data: {}, metadata: {} });
  });
});

test('a completion that fails is an error reply', async () => {
  const { type, content } = await ask('shell', 'complete_request', { code: 'throw', cursor_pos: 0 });
  expect(type).toBe('complete_reply');
  expect(content).toMatchObject({ status: 'error', ename: 'RangeError', evalue: 'no completion' });
});

test('completion and kernel_info are answered while a cell runs', async () => {
  await front.execute('wait');
  await front.send('shell', 'complete_request', { code: 'ab', cursor_pos: 2 });
  expect((await front.receive('shell')).header.msg_type).toBe('complete_reply');
  await front.send('control', 'kernel_info_request');
  expect((await front.receive('control')).header.msg_type).toBe('kernel_info_reply');
});

test('debug requests are refused in both languages of the channel', async () => {
  const { type, content } = await ask('control', 'debug_request', { seq: 4, command: 'debugInfo', type: 'request' });
  expect(type).toBe('debug_reply');
  expect(content).toMatchObject({ status: 'error', success: false, request_seq: 4, command: 'debugInfo' });
});

test('debug requests and events of a language with a debugger pass through whole', async () => {
  const { language } = kernel as { language: Language };
  language.debug = async (request) => {
    language.onDebugEvent?.({ seq: 1, type: 'event', event: 'stopped', body: { threadId: 1 } });
    return { seq: 2, type: 'response', request_seq: 7, success: true, command: String(request.command) };
  };
  const { content, iopub } = await ask('control', 'debug_request', { seq: 7, command: 'pause', type: 'request' });
  expect(content).toEqual({ seq: 2, type: 'response', request_seq: 7, success: true, command: 'pause' });
  const told = { seq: 1, type: 'event', event: 'stopped', body: { threadId: 1 } };
  expect(iopub.map(({ header, content }) => [header.msg_type, content])).toEqual([['debug_event', told]]);
  const { supported_features: features } = (await ask('shell', 'kernel_info_request')).content;
  expect(features).toEqual(['kernel subshells', 'debugger']);
});

test('an unexpected input_reply on stdin is dropped', async () => {
  await front.send('stdin', 'input_reply', { value: 'x' });
  expect((await ask('shell', 'kernel_info_request')).content.status).toBe('ok');
});
