import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Lab, startLab } from '../harness.js';
import { DebugClient, values } from './client.js';

let lab: Lab;
let debug: DebugClient;
beforeEach(async () => {
  lab = startLab();
  debug = new DebugClient(lab);
  await debug.start();
});
afterEach(() => lab.close());

const go = (): Promise<unknown> => debug.body('continue', { threadId: 1 });

describe('a breakpoint', () => {
  test('stops a cell at its TypeScript line, behind removed types, and the cell goes on with the right value', async () => {
    const code = `interface Point { x: number }
type Size = number;

const p: Point = { x: 1 };
let total: Size = 0;
for (const n of [1, 2]) {
  const double: number = n * 2;
  total += double + p.x;
}
total`;
    expect(await debug.breakAt(code, 8)).toMatchObject([{ verified: true, line: 8 }]);
    const cell = lab.start(code);
    const { reason, at, body } = await debug.stopped();
    expect([reason, at, body.hitBreakpointIds]).toEqual(['breakpoint', ['cell 1:8'], [1]]);
    expect(values(await debug.scope('Locals'))).toEqual({ p: '{ x: 1 }', total: '0', n: '1', double: '2' });
    await go();
    expect(await debug.stopped()).toMatchObject({ at: ['cell 1:8'] });
    expect(values(await debug.scope('Locals'))).toMatchObject({ total: '3', n: '2', double: '4' });
    await go();
    expect((await cell.ended).result).toBe('8');
  });

  test('in a function that an earlier cell declared stops the cell that calls it', async () => {
    const code = `type N = number;
function twice(n: N): N {
  const result: N = n * 2;
  return result;
}`;
    await lab.run('0');
    expect((await lab.run(code)).outcome.status).toBe('ok');
    await debug.breakAt(code, 4);
    const cell = lab.start('const y = twice(21);\ny');
    expect((await debug.stopped()).at).toEqual(['twice:4', 'cell 3:1']);
    expect(values(await debug.scope('Locals'))).toEqual({ n: '21', result: '42' });
    expect(values(await debug.scope('Locals', 1))).toEqual({}); // y is not declared yet
    await go();
    expect((await cell.ended).result).toBe('42');
  });

  test('also where that cell ran before anybody debugged', async () => {
    await debug.body('disconnect', {});
    const code = 'const add = (a: number, b: number) => {\n  return a + b;\n};';
    await lab.run(code);
    await debug.start();
    await debug.breakAt(code, 2);
    const cell = lab.start('add(1, 2)');
    expect((await debug.stopped()).at).toEqual(['add:2', 'cell 2:1']);
    await go();
    expect((await cell.ended).result).toBe('3');
  });

  test('lies at the right line behind decorators, enums and parameter properties', async () => {
    const code = `enum Color { Red, Green = 5 }
function logged<T extends (...args: never[]) => unknown>(method: T, _: ClassMethodDecoratorContext): T {
  return method;
}
class Box {
  constructor(private readonly size: number, public color: Color = Color.Green) {}
  @logged
  volume(): number {
    const side: number = this.size;
    return side ** 3;
  }
}
const box = new Box(3);
box.volume()`;
    await debug.breakAt(code, 10);
    const cell = lab.start(code);
    expect((await debug.stopped()).at).toEqual(['volume:10', 'cell 1:14']);
    const locals = await debug.scope('Locals');
    expect(Object.keys(locals).sort()).toEqual(['side', 'this']);
    expect(values(await debug.inside(locals.this))).toMatchObject({ size: '3', color: '5' });
    await go();
    expect((await cell.ended).result).toBe('27');
  });

  test('on the head of a function stops in its body, on a line without code at the next one', async () => {
    const code = `// a comment
function f(n: number) {
  // another
  return n + 1;
}
class C {
  m() {
    return 2;
  }
}
interface Nothing { a: 1 }

f(1) + new C().m()`;
    expect(await debug.breakAt(code, 1, 7, 11)).toMatchObject([
      { verified: true, line: 2 },
      { verified: true, line: 7 },
      { verified: true, line: 13 },
    ]);
    const cell = lab.start(code);
    expect((await debug.stopped()).at).toEqual(['cell 1:13']);
    await go();
    expect((await debug.stopped()).at).toEqual(['f:4', 'cell 1:13']);
    await go();
    expect((await debug.stopped()).at).toEqual(['m:8', 'cell 1:13']);
    await go();
    expect((await cell.ended).result).toBe('4');
  });

  test('on an import stops before it, on a magic where its statement is', async () => {
    const code = "let n = 1;\nimport { join } from 'node:path';\n%time join('a', 'b')\nn";
    expect(await debug.breakAt(code, 2, 3)).toMatchObject([{ line: 2 }, { line: 3 }]);
    const cell = lab.start(code);
    expect((await debug.stopped()).at).toEqual(['cell 1:2']);
    await go();
    expect((await debug.stopped()).at).toEqual(['cell 1:3']);
    await go();
    expect((await cell.ended).result).toBe('1');
  });

  test('below all code is refused with the reason', async () => {
    const [breakpoint] = await debug.breakAt('1 + 1\n// end', 2);
    expect(breakpoint).toMatchObject({
      verified: false,
      message:
        'there is no code at line 2 or below. Set the breakpoint on a line with code: types, comments and braces have none.',
    });
  });

  test('stops every run of the same text, and no run once it is removed', async () => {
    const code = 'let k = 1;\nk += 1;';
    await debug.breakAt(code, 2);
    for (const label of ['cell 1:2', 'cell 2:2']) {
      const cell = lab.start(code);
      expect((await debug.stopped()).at).toEqual([label]);
      await go();
      await cell.ended;
    }
    await debug.breakAt(code);
    expect((await lab.run(code)).outcome.status).toBe('ok');
    expect(debug.events.filter(({ event }) => event === 'stopped')).toHaveLength(2);
  });

  test('with a condition stops where it holds, typed TypeScript included', async () => {
    const code = 'let sum = 0;\nfor (let i = 0; i < 10; i++) {\n  sum += i;\n}\nsum';
    await debug.breakAt(code, { line: 3, condition: '(i as number) === 7' });
    const cell = lab.start(code);
    await debug.stopped();
    expect(values(await debug.scope('Locals'))).toMatchObject({ i: '7', sum: '21' });
    await go();
    expect((await cell.ended).result).toBe('45');
  });

  test('with a hit count stops at that hit', async () => {
    const code = 'for (let i = 0; i < 9; i++) {\n  i * 2;\n}\n0';
    for (const [hitCondition, hits] of [
      ['3', ['2']],
      ['>= 8', ['7', '8']],
      ['% 4', ['3', '7']],
    ] as const) {
      await debug.breakAt(code, { line: 2, hitCondition });
      const cell = lab.start(code);
      for (const hit of hits) {
        await debug.stopped();
        expect(values(await debug.scope('Locals')).i).toBe(hit);
        await go();
      }
      expect((await cell.ended).result).toBe('0');
    }
  });

  test('with a log message writes to the console and does not stop', async () => {
    const code = 'for (const n of [1, 2]) {\n  n;\n}\n0';
    await debug.breakAt(code, { line: 2, logMessage: 'n is {n}, twice {n * 2 as number} \\{}' });
    expect((await lab.run(code)).result).toBe('0');
    expect(await debug.event('output')).toEqual({ category: 'console', output: 'n is 1, twice 2 {}\n' });
    expect(await debug.event('output')).toEqual({ category: 'console', output: 'n is 2, twice 4 {}\n' });
    expect(debug.events.some(({ event }) => event === 'stopped')).toBe(false);
  });

  test('with a condition that fails says so and does not stop; one that does not parse is refused', async () => {
    const code = 'const q = 1;\nq + 1';
    expect(
      await debug.breakAt(code, { line: 2, condition: 'missing.name' }, { line: 2, condition: 'q ===' }),
    ).toMatchObject([
      { verified: true },
      { verified: false, message: expect.stringContaining('Correct the expression') },
    ]);
    expect((await lab.run(code)).result).toBe('2');
    expect((await debug.event('output')).output).toMatch(
      /^the condition of the breakpoint at line 2 failed: ReferenceError/,
    );
  });
});

describe('a step', () => {
  test('goes line by line, into and out of functions, and ends with the cell', async () => {
    const code = `function inner(n: number): number {
  const m = n + 1;
  return m;
}
const a = 1;
const b = inner(a);
const c = b * 2;
c`;
    await debug.breakAt(code, 5);
    const cell = lab.start(code);
    await debug.stopped();
    expect(await debug.step('next')).toBe('cell 1:6');
    expect(await debug.step('stepIn')).toBe('inner:2');
    expect(await debug.step('next')).toBe('inner:3');
    expect(await debug.step('stepOut')).toBe('cell 1:7');
    expect(await debug.step('next')).toBe('cell 1:8');
    await debug.body('next', { threadId: 1 });
    expect((await cell.ended).result).toBe('4');
    expect((await lab.run('let after = 1;\nafter + 1')).result).toBe('2');
    expect(debug.events.at(-1)?.event).toBe('continued');
  });

  test('goes over an await to the next line, in the cell and in a function', async () => {
    const code = `const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));
async function work(n: number): Promise<number> {
  await sleep(1);
  const m = n + 1;
  return m;
}
await sleep(1);
const r = await work(1);
r`;
    await debug.breakAt(code, 7, 3);
    const cell = lab.start(code);
    expect((await debug.stopped()).at).toEqual(['cell 1:7']);
    expect(await debug.step('next')).toBe('cell 1:8');
    expect(await debug.step('stepIn')).toBe('work:3');
    expect(await debug.step('next')).toBe('work:4');
    expect(await debug.step('next')).toBe('work:5');
    await go();
    expect((await cell.ended).result).toBe('2');
  });

  test('into a function of Node or of the kernel comes back to the cell', async () => {
    const code = "const path = require('node:path');\nconsole.log('x');\nconst n = path.join('a', 'b');\nn";
    await debug.breakAt(code, 2);
    const cell = lab.start(code);
    await debug.stopped();
    expect(await debug.step('stepIn')).toBe('cell 1:3');
    expect(await debug.step('stepIn')).toBe('cell 1:4');
    await go();
    expect((await cell.ended).stdout).toBe('x\n');
  });
});

describe('without a breakpoint', () => {
  test('a debugger statement stops', async () => {
    const cell = lab.start('let d = 1;\ndebugger;\nd');
    expect(await debug.stopped()).toMatchObject({ reason: 'breakpoint', at: ['cell 1:2'] });
    expect(await debug.step('next')).toBe('cell 1:3');
    await go();
    expect((await cell.ended).result).toBe('1');
  });

  test('pause stops an endless loop, and it can be left by setting a variable', async () => {
    const cell = lab.start(
      'let running = true;\nlet rounds = 0;\nconsole.log("on");\nwhile (running) rounds++;\nrounds > 0',
    );
    await lab.until(cell.requestId, (all) => all.length > 0);
    await debug.body('pause', { threadId: 1 });
    expect(await debug.stopped()).toMatchObject({ reason: 'pause', at: ['cell 1:4'] });
    await debug.body('evaluate', {
      expression: 'running = false',
      context: 'repl',
      frameId: (await debug.body('stackTrace', { threadId: 1 })).stackFrames[0].id,
    });
    await go();
    expect((await cell.ended).result).toBe('true');
  });

  test('pause stops code that awaits when it runs on', async () => {
    const cell = lab.start(
      'console.log("on");\nlet go = false;\nwhile (!go) {\n  await new Promise((r) => setTimeout(r, 1));\n}\n1',
    );
    await lab.until(cell.requestId, (all) => all.length > 0);
    await debug.body('pause', { threadId: 1 });
    const { reason, at } = await debug.stopped();
    expect([reason, at[0]]).toEqual(['pause', expect.stringMatching(/^cell 1:[34]$/)]);
    const { stackFrames } = await debug.body('stackTrace', { threadId: 1 });
    await debug.body('evaluate', { expression: 'go = true', frameId: stackFrames[0].id });
    await go();
    expect((await cell.ended).result).toBe('1');
  });

  test('exceptions stop where they are thrown, as the filters say', async () => {
    const code = `function fail(): never {
  throw new RangeError('too far');
}
try { fail(); } catch {}
fail();`;
    await debug.body('setExceptionBreakpoints', { filters: ['raised'] });
    const first = lab.start(code);
    const { reason, at, body } = await debug.stopped();
    expect([reason, body.text, at]).toEqual(['exception', 'RangeError: too far', ['fail:2', 'cell 1:4']]);
    expect(await debug.body('exceptionInfo', { threadId: 1 })).toMatchObject({
      exceptionId: 'RangeError',
      description: 'RangeError: too far',
    });
    await go();
    expect((await debug.stopped()).at).toEqual(['fail:2', 'cell 1:5']);
    await go();
    expect((await first.ended).outcome).toMatchObject({ status: 'error', ename: 'RangeError' });
    await debug.body('setExceptionBreakpoints', { filters: ['uncaught'] });
    const second = lab.start(code);
    expect((await debug.stopped()).at).toEqual(['fail:2', 'cell 2:5']);
    await go();
    await second.ended;
    const third = lab.start('await null;\nfail();');
    expect((await debug.stopped()).at).toEqual(['fail:2', 'cell 3:2']);
    await go();
    await third.ended;
    await debug.body('setExceptionBreakpoints', { filters: [] });
    expect((await lab.run(code)).outcome).toMatchObject({ ename: 'RangeError' });
  });
});
