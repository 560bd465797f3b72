import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gone } from '../../processes.js';
import { GLOBALS, type Lab, startLab, streamText } from '../harness.js';
import { DebugClient, values } from './client.js';

let lab: Lab;
let debug: DebugClient;
beforeEach(() => {
  lab = startLab();
  debug = new DebugClient(lab);
});
afterEach(() => lab.close());

const go = (): Promise<unknown> => debug.body('continue', { threadId: 1 });

/** Runs `code` until it stops at `line`. */
async function stopAt(code: string, line: number): Promise<ReturnType<Lab['start']>> {
  await debug.start();
  await debug.breakAt(code, line);
  const cell = lab.start(code);
  await debug.stopped();
  return cell;
}

describe('while a cell is stopped', () => {
  test('completion and inspection answer', async () => {
    const cell = await stopAt('const points = [1];\npoints.length;', 2);
    expect((await lab.engine.complete('points.conca', 12)).matches.map(({ text }) => text)).toContain('concat');
    expect((await lab.engine.inspect('points', 3, 0)).found).toBe(true);
    await go();
    await cell.ended;
  });

  test('what it printed before arrives', async () => {
    const cell = await stopAt('console.log("before");\n1', 2);
    await lab.until(cell.requestId, (all) => all.length > 0);
    await go();
    await cell.ended;
  });

  test('an interrupt ends it, keeps the variables, and the next cell runs', async () => {
    const cell = await stopAt('let kept = 5;\nkept = 6;\nconsole.log("never");', 2);
    await lab.engine.interrupt();
    const ran = await cell.ended;
    expect(ran.outcome).toMatchObject({ status: 'error', ename: 'Interrupted', evalue: 'the cell was interrupted' });
    expect(ran.stdout).toBe('');
    await debug.event('continued');
    expect((await lab.run('kept')).result).toBe('5');
    expect((await debug.body('debugInfo')).stoppedThreads).toEqual([]);
  });

  test.each([
    ['behind an await', 'let n = 0;\nawait null;\nn = 1;\nawait new Promise(() => {});'],
    ['in a timer', 'let n = 0;\nsetTimeout(() => {\n  n = 1;\n  n = 2;\n}, 1); await new Promise(() => {});'],
    ['in a microtask', 'let n = 0;\nqueueMicrotask(() => {\n  n = 1;\n}); await new Promise(() => {});'],
  ])('%s, an interrupt ends it too', async (_where, code) => {
    const cell = await stopAt(code, 3);
    await lab.engine.interrupt();
    expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
    expect((await lab.run('n')).result).toBe('0');
  });

  test('an interrupt also ends an expression that spins', async () => {
    const cell = await stopAt('let z = 1;\nz', 2);
    const { stackFrames } = await debug.body('stackTrace', { threadId: 1 });
    const evaluating = debug.refusal('evaluate', { expression: 'while (true) {}', frameId: stackFrames[0].id });
    await lab.engine.interrupt();
    expect(await evaluating).toBeTypeOf('string');
    expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
    expect((await lab.run('z')).result).toBe('1');
  });

  test('an interrupt also ends an expression that has been spinning', async () => {
    const cell = await stopAt('let z = 1;\nz', 2);
    const { stackFrames } = await debug.body('stackTrace', { threadId: 1 });
    const expression = 'require("node:fs").writeSync(1, "spins\\n"); while (true) {}';
    const evaluating = debug.refusal('evaluate', { expression, frameId: stackFrames[0].id });
    await lab.until(cell.requestId, (all) => streamText(all, 'stdout').includes('spins'));
    await lab.engine.interrupt();
    expect(await evaluating).toMatch(/^Error: the expression was interrupted\. /);
    expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
    expect((await lab.run('z')).result).toBe('1');
  });

  test('a timer of a cell that has ended is stopped in and can be interrupted', async () => {
    await debug.start();
    const code = 'let ticks = 0;\nsetTimeout(() => {\n  ticks = 1;\n}, 1);\n0';
    await debug.breakAt(code, 3);
    expect((await lab.run(code)).result).toBe('0');
    await debug.stopped();
    await lab.engine.interrupt();
    await debug.event('continued');
    expect((await lab.run('ticks')).result).toBe('0');
  });

  test('restart gives a new process, and its cells stop at the same breakpoints', async () => {
    const code = 'let first = 1;\nfirst + 1';
    const cell = await stopAt(code, 2);
    await lab.engine.restart();
    expect((await cell.ended).outcome).toMatchObject({ ename: 'ProcessEnded' });
    await debug.event('continued');
    const again = lab.start(code);
    expect((await debug.stopped()).at).toEqual(['cell 2:2']);
    await go();
    expect((await again.ended).result).toBe('2');
  });

  test('shutdown ends every process at once', async () => {
    const cell = await stopAt('process.pid;\n1', 2);
    const pid = (lab.engine as unknown as { childPid: number }).childPid;
    await lab.engine.shutdown();
    await gone(pid);
    expect((await cell.ended).outcome).toMatchObject({ ename: 'ProcessEnded' });
  });

  test('disconnect lets it run to its end, without any breakpoint', async () => {
    const cell = await stopAt('let i = 0;\nfor (; i < 5; i++) {\n  i;\n}\ni', 3);
    await debug.body('disconnect', { restart: false, terminateDebuggee: false });
    expect((await cell.ended).result).toBe('5');
    expect(await debug.body('debugInfo')).toMatchObject({ isStarted: false, breakpoints: [], stoppedThreads: [] });
    expect(debug.events.map(({ event }) => event).slice(-2)).toEqual(['continued', 'terminated']);
    await debug.start();
    const next = lab.start('let j = 1;\ndebugger;\nj');
    expect((await debug.stopped()).at).toEqual(['cell 2:2']);
    await go();
    expect((await next.ended).result).toBe('1');
  });

  test('terminate interrupts it', async () => {
    const cell = await stopAt('let t = 1;\nt = 2;', 2);
    await debug.body('terminate');
    expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
    expect((await lab.run('t')).result).toBe('1');
  });

  test('a cell in the queue waits, and stops at its own breakpoints', async () => {
    const cell = await stopAt('let a = 1;\na;', 2);
    const code = 'let b = 2;\nb + a';
    await debug.breakAt(code, 2);
    const queued = lab.start(code);
    await go();
    await cell.ended;
    expect((await debug.stopped()).at).toEqual(['cell 2:2']);
    await go();
    expect((await queued.ended).result).toBe('3');
  });
});

describe('a debugger that is on', () => {
  test('interrupts endless code as without it', async () => {
    await debug.start();
    await debug.body('setExceptionBreakpoints', { filters: ['uncaught'] });
    for (const code of [
      'while (true) {}',
      'await null; while (true) {}',
      'setTimeout(() => { while (true) {} }, 1); await new Promise(() => {})',
    ]) {
      const cell = lab.start(`let alive = 1; console.log("on"); ${code}`);
      await lab.until(cell.requestId, (all) => all.length > 0);
      await lab.engine.interrupt();
      expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
      expect((await lab.run('alive')).result).toBe('1');
    }
  });

  test('does not keep the process when a cell ends it', async () => {
    await debug.start();
    expect((await lab.run('process.exit(3)')).outcome).toMatchObject({ ename: 'ProcessEnded' });
    expect((await lab.run('1 + 1')).result).toBe('2');
  });

  test('tells nothing of cells without breakpoints', async () => {
    await debug.start();
    const before = debug.events.length;
    expect((await lab.run('let s = 0;\nfor (let i = 0; i < 1e5; i++) s += i;\ns')).result).toBe('4999950000');
    expect(debug.events).toHaveLength(before);
  });
});

describe('a debugger that is off', () => {
  test('shows the names of cells and their values, rich where they have a rich form', async () => {
    await lab.close();
    lab = startLab(GLOBALS);
    debug = new DebugClient(lab);
    await lab.run('const rows = [1, 2]; let later: number; function f() {}');
    const { variables } = await debug.body('inspectVariables', {});
    expect(variables.map(({ name, value }: { name: string; value: string }) => [name, value])).toEqual([
      ['f', '[Function: f]'],
      ['later', 'undefined'],
      ['rows', '[ 1, 2 ]'],
    ]);
    expect(values(await debug.inside(variables[2]))).toEqual({ 0: '1', 1: '2', length: '2' });
    expect((await debug.body('richInspectVariables', { variableName: 'rows' })).data['text/plain']).toBe('[ 1, 2 ]');
    expect(await debug.refusal('richInspectVariables', { variableName: 'nowhere' })).toMatch(/nowhere is not defined/);
  });

  test('shows them also while a cell spins', async () => {
    const cell = lab.start('let here = 7; console.log("on"); while (true) {}');
    await lab.until(cell.requestId, (all) => all.length > 0);
    const { variables } = await debug.body('inspectVariables', {});
    expect(variables).toMatchObject([{ name: 'here', value: '7' }]);
    await lab.engine.interrupt();
    await cell.ended;
  });

  test('has V8 know no debugger: a debugger statement does not stop', async () => {
    await lab.run('1');
    expect((await lab.run('debugger;\n2')).result).toBe('2');
    await debug.start();
    await debug.body('disconnect', {});
    expect((await lab.run('debugger;\n3')).result).toBe('3');
    expect(debug.events.some(({ event }) => event === 'stopped')).toBe(false);
  });
});

describe('a file of the notebook', () => {
  const text =
    'export type N = number;\n\nexport function half(n: N): N {\n  const h: N = n / 2;\n  return h;\n}\nexport const ready = half(2);\n';

  test('is stopped in before its first line runs, and shown', async () => {
    lab.write('half.ts', text);
    const path = `${lab.folder}/half.ts`;
    await debug.start();
    const set = await debug.body('setBreakpoints', { source: { path }, breakpoints: [{ line: 7 }, { line: 5 }] });
    expect(set.breakpoints).toMatchObject([{ verified: false }, { verified: false }]);
    const cell = lab.start("import { half } from './half.js';\nhalf(10)");
    expect((await debug.event('breakpoint')).breakpoint).toMatchObject({ verified: true, line: expect.any(Number) });
    expect((await debug.stopped()).at[0]).toBe('half.ts:7');
    const { stackFrames } = await debug.body('stackTrace', { threadId: 1 });
    expect(stackFrames[0].source).toEqual({ name: 'half.ts', path, sourceReference: 0 });
    expect((await debug.body('source', { source: { path }, sourceReference: 0 })).content).toBe(text);
    expect(await debug.step('stepIn')).toBe('half:4');
    await go();
    expect((await debug.stopped()).at.slice(0, 2)).toEqual(['half:5', 'half.ts:7']);
    await go();
    expect((await debug.stopped()).at).toEqual(['half:5', 'cell 1:2']);
    expect(values(await debug.scope('Locals'))).toEqual({ n: '10', h: '5' });
    await go();
    expect((await cell.ended).result).toBe('5');
    expect((await debug.body('modules', {})).modules).toEqual([{ id: path, name: 'half.ts', path }]);
  });

  test('is stopped in at the right line of the version that runs', async () => {
    lab.write('half.ts', text);
    const path = `${lab.folder}/half.ts`;
    await lab.run("import { half } from './half.js';");
    await debug.start();
    await debug.body('setBreakpoints', { source: { path }, breakpoints: [{ line: 5 }] });
    const old = lab.start('half(4)');
    expect((await debug.stopped()).at).toEqual(['half:5', 'cell 2:1']);
    await go();
    await old.ended;
    lab.write('half.ts', `// one more line\n${text}`);
    const edited = lab.start("import { half } from './half.js';\nhalf(4)");
    expect((await debug.stopped()).at[0]).toBe('half:5');
    await go();
    expect((await debug.stopped()).at).toEqual(['half:5', 'cell 3:2']);
    expect(values(await debug.scope('Locals'))).toMatchObject({ n: '4' });
    await go();
    expect((await edited.ended).result).toBe('2');
  });
});
