import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commands } from '../../../dist/engine/debug/commands.js';
import { murmur2 } from '../../../dist/engine/debug/murmur2.js';
import { HASH_SEED } from '../../../dist/engine/debug/sources.js';
import { type Lab, startLab } from '../harness.js';
import { DebugClient } from './client.js';

let lab: Lab;
let debug: DebugClient;
beforeAll(() => {
  lab = startLab();
  debug = new DebugClient(lab);
});
afterAll(() => lab.close());

test('a text is named by the hash that ipykernel gives it', () => {
  // `murmur2_x86(text, get_tmp_hash_seed())` of ipykernel 7.4.0
  expect(
    ['', 'a', 'ab', 'abc', 'abcd', 'const x: number = 1;\nx', 'emoji 😀 und ü', 'x'.repeat(1001)].map((text) =>
      murmur2(text, HASH_SEED),
    ),
  ).toEqual([3990065800, 2167009006, 2805137849, 3350977461, 804720481, 3255368545, 1980292492, 2469510316]);
});

describe('before initialize', () => {
  test('debugInfo says what a front end must know, and a text can be dumped and shown', async () => {
    const info = await debug.body('debugInfo');
    expect(info).toEqual({
      isStarted: false,
      hashMethod: 'Murmur2',
      hashSeed: 0xc70f6907,
      tmpFilePrefix: expect.stringMatching(/\/npulab_\d+\/$/),
      tmpFileSuffix: '.ts',
      breakpoints: [],
      stoppedThreads: [],
      richRendering: true,
      exceptionPaths: ['Raised exceptions', 'Uncaught exceptions'],
      copyToGlobals: true,
    });
    const { sourcePath } = await debug.body('dumpCell', { code: 'let x = 1;' });
    expect(sourcePath).toBe(`${info.tmpFilePrefix}${murmur2('let x = 1;', HASH_SEED)}.ts`);
    expect(await debug.body('source', { source: { path: sourcePath } })).toEqual({
      content: 'let x = 1;',
      mimeType: 'text/typescript',
    });
  });

  test('a request that needs a debugger says that it is off', async () => {
    for (const command of ['attach', 'setBreakpoints', 'stackTrace', 'continue', 'threads', 'disconnect', 'pause']) {
      expect(await debug.refusal(command, {})).toBe(
        `${command}: the debugger is not started. Send initialize first; in JupyterLab, switch the debugger on.`,
      );
    }
  });
});

describe('a malformed request', () => {
  beforeAll(() => debug.start());

  const remedy = 'Send the request as the Debug Adapter Protocol defines it.';
  test.each([
    [{}, 'seq must be a whole number'],
    [{ type: 'request', command: 'threads' }, 'seq must be a whole number'],
    [{ type: 'request', seq: 'x', command: 'threads' }, 'seq must be a whole number'],
    [{ type: 'event', seq: 1, command: 'threads' }, 'type must be "request"'],
    [{ type: 'request', seq: 1, command: 'threads', arguments: [1] }, 'threads.arguments must be an object'],
    [
      { type: 'request', seq: 1, command: 'stackTrace' },
      'stackTrace.arguments.threadId is missing; it must be a whole number',
    ],
    [{ type: 'request', seq: 1, command: 'scopes', arguments: { frameId: 'one' } }, 'the code is not stopped'],
    [
      { type: 'request', seq: 1, command: 'variables', arguments: { variablesReference: 1.5 } },
      'variables.arguments.variablesReference must be a whole number, not 1.5',
    ],
    [
      { type: 'request', seq: 1, command: 'variables', arguments: { variablesReference: 1, filter: 'all' } },
      'variables.arguments.filter must be "indexed" or "named", not "all"',
    ],
    [
      { type: 'request', seq: 1, command: 'setBreakpoints', arguments: { source: { path: 'x' }, breakpoints: [{}] } },
      'setBreakpoints.arguments.breakpoints[0].line is missing; it must be a whole number',
    ],
    [
      { type: 'request', seq: 1, command: 'setBreakpoints', arguments: { source: 'x' } },
      'setBreakpoints.arguments.source must be an object, not "x"',
    ],
    [
      { type: 'request', seq: 1, command: 'setExceptionBreakpoints', arguments: { filters: ['some'] } },
      'there is no filter "some", only raised, uncaught',
    ],
    [
      { type: 'request', seq: 1, command: 'dumpCell', arguments: { code: 1 } },
      'dumpCell.arguments.code must be a text, not 1',
    ],
    [
      { type: 'request', seq: 1, command: 'evaluate', arguments: null },
      'evaluate.arguments.expression is missing; it must be a text',
    ],
  ])('%j is answered with what is wrong', async (content, what) => {
    const answer = await debug.raw(content);
    expect(answer.success).toBe(false);
    expect(answer.message).toMatch(
      what === 'the code is not stopped' ? /^the code is not stopped\. / : `${what}. ${remedy}`,
    );
  });

  test('an unknown command is answered, and so is none', async () => {
    const listed = 'The reply to initialize lists what this debugger can do.';
    expect(await debug.refusal('goto', {})).toBe(`there is no command "goto". ${listed}`);
    expect((await debug.raw({ type: 'request', seq: 9 })).message).toBe(`there is no command undefined. ${listed}`);
  });

  test('nothing stops, steps or looks while nothing is stopped', async () => {
    for (const command of ['continue', 'next', 'stepIn', 'stepOut', 'stackTrace']) {
      expect(await debug.refusal(command, { threadId: 1 })).toBe(
        'the code is not stopped. Set a breakpoint or pause, and ask again when the code has stopped.',
      );
    }
  });

  test('whatever the arguments of a command are, it is answered, and the debugger lives', async () => {
    const odd: unknown[] = [
      undefined,
      null,
      0,
      -1,
      1e300,
      '',
      'x\u0000',
      [],
      [[]],
      {},
      { path: 1 },
      { path: '' },
      true,
    ];
    const names = [
      'threadId',
      'frameId',
      'variablesReference',
      'expression',
      'name',
      'value',
      'code',
      'source',
      'filters',
    ];
    const more = ['variableName', 'srcVariableName', 'dstVariableName', 'srcFrameId', 'breakpoints', 'start', 'count'];
    for (const command of commands.keys()) {
      if (/^(disconnect|terminate|pause)$/.test(command)) continue;
      for (const value of odd) {
        await debug.raw({ type: 'request', seq: 1, command, arguments: value });
        const args = Object.fromEntries([...names, ...more].map((name) => [name, value]));
        await debug.raw({ type: 'request', seq: 1, command, arguments: args });
      }
    }
    const cell = lab.start('let w = 1;\ndebugger;\nw');
    await debug.event('stopped');
    for (const command of commands.keys()) {
      if (/^(disconnect|terminate|pause|continue|next|step)/.test(command)) continue;
      for (const value of odd)
        await debug.raw({
          type: 'request',
          seq: 1,
          command,
          arguments: { frameId: value, variablesReference: value, expression: value, variableName: value },
        });
    }
    await debug.body('continue', { threadId: 1 });
    expect((await cell.ended).result).toBe('1');
  });

  test('a file that was not loaded is not shown', async () => {
    expect(await debug.refusal('source', { source: { path: '/etc/passwd' } })).toMatch(
      /^there is no source \/etc\/passwd\. /,
    );
  });

  test('a cell after all of them runs', async () => {
    expect((await lab.run('1 + 1')).result).toBe('2');
  });
});

test('lines and columns are counted from where the client says', async () => {
  await debug.body('initialize', { adapterID: 'x', linesStartAt1: false, columnsStartAt1: false });
  const code = 'let a = 1;\na;';
  const { sourcePath } = await debug.body('dumpCell', { code });
  const set = await debug.body('setBreakpoints', { source: { path: sourcePath }, breakpoints: [{ line: 1 }] });
  expect(set.breakpoints[0]).toMatchObject({ line: 1, verified: true });
  const cell = lab.start(code);
  await debug.event('stopped');
  const [frame] = (await debug.body('stackTrace', { threadId: 1 })).stackFrames;
  expect([frame.line, frame.column]).toEqual([1, 0]);
  await debug.body('continue', { threadId: 1 });
  await cell.ended;
});
