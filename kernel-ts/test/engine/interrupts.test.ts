import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GLOBALS, type Lab, type Ran, startLab, streamText } from './harness.js';

const lab = startLab(GLOBALS);
beforeAll(async () => {
  await lab.run('const keep = 42; const started = () => require("node:fs").writeSync(1, "started\\n")');
});
afterAll(() => lab.close());

/** Runs `code` until it calls `started()`, then interrupts it. */
async function interrupted(code: string, where: Lab = lab): Promise<Ran> {
  const cell = where.start(code);
  const tooEarly = cell.ended.then(({ outcome }) => {
    throw new Error(`the cell ended before it was interrupted: ${JSON.stringify(outcome)}`);
  });
  const began = where.until(cell.requestId, (all) => streamText(all, 'stdout').includes('started\n'));
  await Promise.race([began, tooEarly]);
  await where.engine.interrupt();
  return cell.ended;
}

const STOPPABLE: readonly [string, string][] = [
  ['an endless loop', 'started(); while (true) {}'],
  ['a loop that catches everything', 'started(); while (true) { try { while (true) {} } catch {} }'],
  ['a loop in finally', 'started(); try { throw 1 } finally { while (true) {} }'],
  ['a loop after an await', 'await null; started(); while (true) {}'],
  ['a loop in a timer', 'setTimeout(() => { started(); while (true) {} }, 1); await new Promise(() => {})'],
  ['a loop in setImmediate', 'setImmediate(() => { started(); while (true) {} }); await new Promise(() => {})'],
  ['a loop in setInterval', 'setInterval(() => { started(); while (true) {} }, 1); await new Promise(() => {})'],
  ['a loop in a microtask', 'queueMicrotask(() => { started(); while (true) {} }); await new Promise(() => {})'],
  ['a loop in process.nextTick', 'process.nextTick(() => { started(); while (true) {} }); await new Promise(() => {})'],
  [
    'a loop in an event emitter',
    'const e = new (require("node:events"))(); e.on("x", () => { started(); while (true) {} }); e.emit("x")',
  ],
  [
    'a loop in a file callback',
    'require("node:fs").readFile("/dev/null", () => { started(); while (true) {} }); await new Promise(() => {})',
  ],
  [
    'a loop in a network callback',
    'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { started(); while (true) {} }); await new Promise(() => {})',
  ],
  ['a loop that prints', 'started(); while (true) console.log("x")'],
  ['a promise that never settles', 'started(); await new Promise(() => {})'],
  ['an endless chain of awaits', 'started(); while (true) await null'],
  ['an endless chain of timers', 'started(); while (true) await new Promise((r) => setTimeout(r, 1))'],
  ['a catastrophic regular expression', 'started(); /(a+)+b/.test("a".repeat(50))'],
  ['Atomics.wait', 'started(); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'],
  ['sorting', 'started(); while (true) Array.from({ length: 2e5 }, Math.random).sort()'],
  ['BigInt powers', 'let big = 3n; started(); while (true) big = big * big % 10n ** 300n'],
  ['a loop of spreads', 'let list = [1]; started(); while (true) list = [...list].slice(0, 100)'],
  [
    'a chain of microtasks that throw',
    'const mt = () => { queueMicrotask(mt); throw new Error("again") }; setTimeout(mt, 1); started(); await new Promise(() => {})',
  ],
  [
    'a chain of ticks that throw',
    'const nt = () => { process.nextTick(nt); throw new Error("again") }; setTimeout(nt, 1); started(); await new Promise(() => {})',
  ],
  ['a flood of ticks', 'started(); while (true) process.nextTick(() => {})'],
  ['a loop of PBKDF2', 'started(); while (true) require("node:crypto").pbkdf2Sync("a", "b", 500, 32, "sha256")'],
  [
    'a loop of buffer copies',
    'const from = Buffer.alloc(1e6), to = Buffer.alloc(1e6); started(); while (true) from.copy(to)',
  ],
  [
    'a WebAssembly loop',
    'const { WebAssembly: wasm } = globalThis as any; started(); new wasm.Instance(new wasm.Module(new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,8,1,0,10,9,1,7,0,3,64,12,0,11,11])))',
  ],
  ['a child process', 'started(); require("node:child_process").execSync("sleep 100")'],
];

test('a loop that has printed a million lines is stopped, and the variables are there', async () => {
  const own = startLab();
  await own.run('const keep = 42');
  const cell = own.start('let line = 0; while (true) console.log("line " + line++)');
  let characters = 0;
  await own.until(cell.requestId, (all) => {
    const last = all.at(-1);
    characters += last?.kind === 'stream' ? last.text.length : 0;
    return characters > 8e6;
  });
  await own.engine.interrupt();
  expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
  expect((await own.run('keep')).result).toBe('42');
  await own.close();
});

describe('an interrupt', () => {
  test.each(STOPPABLE)('stops %s and keeps the variables', async (_name, code) => {
    const ran = await interrupted(code);
    expect(ran.outcome).toMatchObject({ status: 'error', ename: 'Interrupted', evalue: 'the cell was interrupted' });
    expect((await lab.run('keep')).result).toBe('42');
  });

  test("fires the cell's signal", async () => {
    await interrupted(
      'const signal = kernel.signal; const seen = new Promise<string>((r) => signal.addEventListener("abort", () => r(signal.reason.name))); started(); await new Promise(() => {})',
    );
    expect((await lab.run('[await seen, kernel.signal.aborted]')).result).toBe("[ 'AbortError', false ]");
  });

  test('leaves the timers of other cells alone', async () => {
    const other = await lab.run('let ticks = 0; const ticking = setInterval(() => { console.log(++ticks) }, 1); 0');
    await interrupted('started(); await new Promise(() => {})');
    const before = (await lab.until(other.requestId, () => true)).length;
    await lab.until(other.requestId, (all) => all.length > before);
    expect((await lab.run('clearInterval(ticking); ticks > 0')).result).toBe('true');
  });

  test("ends the cell's own asynchronous loop for good", async () => {
    await lab.run('let rounds = 0');
    await interrupted('started(); while (true) { rounds++; await new Promise((r) => setTimeout(r, 0)) }');
    expect(
      (await lab.run('const first = rounds; await new Promise((r) => setTimeout(r, 30)); rounds - first')).result,
    ).toBe('0');
  });

  test('ends an interval that throws for ever, although its cell has ended, and says so', async () => {
    const cell = await lab.run('let thrown = 0; setInterval(() => { thrown++; throw new Error("again") }, 0); 0');
    await lab.until(cell.requestId, (all) => streamText(all, 'stderr').includes('again'));
    await lab.engine.interrupt();
    await lab.until(cell.requestId, (all) =>
      /^Interrupted: the callbacks of cell \d+, which had thrown, were ended$/m.test(streamText(all, 'stderr')),
    );
    expect(
      (await lab.run('const atFirst = thrown; await new Promise((r) => setTimeout(r, 1)); thrown - atFirst')).result,
    ).toBe('0');
  });

  test('ends what spins in a timer of a cell that has ended, and says so', async () => {
    const cell = await lab.run('setTimeout(() => { started(); while (true) {} }, 1); 0');
    await lab.until(cell.requestId, (all) => streamText(all, 'stdout').includes('started'));
    await lab.engine.interrupt();
    await lab.until(cell.requestId, (all) =>
      /^Interrupted: what cell \d+ had left running was stopped$/m.test(streamText(all, 'stderr')),
    );
    expect((await lab.run('keep')).result).toBe('42');
  });

  test('ends a chain of microtasks that throw of a cell that has ended', async () => {
    const cell = await lab.run(
      'const late = () => { queueMicrotask(late); throw new Error("again") }; setTimeout(() => { started(); late() }, 1); 0',
    );
    await lab.until(cell.requestId, (all) => streamText(all, 'stderr').includes('again'));
    await lab.engine.interrupt();
    expect((await lab.run('keep')).result).toBe('42');
  });

  test('ends a chain of ticks that throw of a cell that has ended, also where a later cell waits behind it', async () => {
    const own = startLab();
    await own.run('const keep = 42');
    const cell = await own.run(
      'const late = () => { process.nextTick(late); throw new Error("again") }; setTimeout(late, 1); 0',
    );
    await own.until(cell.requestId, (all) => streamText(all, 'stderr').includes('again'));
    const behind = own.start('await new Promise(() => {})');
    await own.engine.interrupt();
    expect((await behind.ended).outcome).toMatchObject({ ename: 'Interrupted' });
    await own.until(cell.requestId, (all) =>
      /^Interrupted: the callbacks of cell \d+, which had thrown, were ended$/m.test(streamText(all, 'stderr')),
    );
    expect((await own.run('keep')).result).toBe('42');
    await own.close();
  });

  test('leaves timers that do not throw, and child processes, alone when no cell runs', async () => {
    const ticker = await lab.run(
      'const child = require("node:child_process").spawn("sleep", ["100"]); let beats = 0; const beat = setInterval(() => console.log(++beats), 1); 0',
    );
    await lab.until(ticker.requestId, (all) => all.length > 0);
    await lab.engine.interrupt();
    const before = (await lab.until(ticker.requestId, () => true)).length;
    await lab.until(ticker.requestId, (all) => all.length > before + 5);
    expect((await lab.run('clearInterval(beat); [child.signalCode, child.kill()]')).result).toBe('[ null, true ]');
  });

  test('is harmless when nothing runs, and twice in a row', async () => {
    await lab.engine.interrupt();
    await lab.engine.interrupt();
    expect((await lab.run('keep')).result).toBe('42');
  });

  // What waited for the cell's end is lost with the microtask. V8 tells of it when it collects that, here between two of
  // `fill`'s allocations, and Node makes an `Error` of it: optimized code may have no stack to show there.
  test.each([
    ['queueMicrotask', 'queueMicrotask(() => { started(); while (true) {} })'],
    ['then', 'Promise.resolve().then(() => { started(); while (true) {} })'],
    ['queueMicrotask after an await', 'await null; queueMicrotask(() => { started(); while (true) {} }); 0'],
  ])('of a loop in %s behind the last statement leaves the process whole', async (_name, code) => {
    await lab.run(
      'function fill(count: number) { const all = []; for (let i = 0; i < count; i++) all.push({ i }); return all.length }; for (let i = 0; i < 300; i++) fill(1000)',
    );
    expect((await interrupted(code)).outcome).toMatchObject({ ename: 'Interrupted' });
    expect((await lab.run('fill(1e6) + keep')).result).toBe('1000042');
  });

  test('stops only the running cell of a queue', async () => {
    const first = lab.start('started(); while (true) {}');
    const second = lab.start('keep + 1');
    await lab.until(first.requestId, (all) => all.length > 0);
    await lab.engine.interrupt();
    expect((await first.ended).outcome).toMatchObject({ ename: 'Interrupted' });
    expect((await second.ended).result).toBe('43');
  });

  test('replaces the process when the code cannot be stopped, and says that the state is lost', async () => {
    const other = startLab();
    try {
      await other.run('const text = JSON.stringify(Array.from({ length: 300_000 }, (_, i) => i))');
      const ran = await interrupted(
        'require("node:fs").writeSync(1, "started\\n"); while (true) JSON.parse(text)',
        other,
      );
      expect(ran.outcome).toMatchObject({
        ename: 'ProcessEnded',
        evalue: expect.stringContaining('the state is lost'),
      });
      expect(ran.traceback).toContain('code: cell.unstoppable');
      expect((await other.run('1 + 1')).result).toBe('2');
    } finally {
      await other.close();
    }
  });
});
