import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { GLOBALS, startLab, streamText } from './harness.js';

const lab = startLab(GLOBALS);
afterAll(() => lab.close());

describe('errors of the code', () => {
  test('frames name the cell and the TypeScript line, also in earlier cells, and nothing of the kernel', async () => {
    await lab.run(
      'interface Long {\n  a: number\n}\n\nfunction thrower(x: Long) {\n  throw new RangeError("bad " + x.a)\n}',
    );
    const ran = await lab.run('type Gone = string\nconst value: Long = { a: 3 }\nthrower(value)');
    expect(ran.outcome).toEqual({
      status: 'error',
      ename: 'RangeError',
      evalue: 'bad 3',
      traceback: ['RangeError: bad 3', '    at thrower (cell 1, line 6:9)', '    at (cell 2, line 3:1)'],
    });
  });

  test('line 40 is line 40 after imports, decorators and removed types', async () => {
    const lines = ["import { sep } from 'node:path'", 'interface Removed {', '  a: string', '}', 'enum E { A }'];
    while (lines.length < 39) lines.push(`type T${lines.length} = number`);
    const ran = await lab.run([...lines, '  JSON.parse("{")'].join('\n'));
    expect(ran.traceback[1]).toContain('line 40:8)');
  });

  test.each([
    ['"text"', 'Thrown string', 'text'],
    ['42', 'Thrown number', '42'],
    ['null', 'Thrown null', 'null'],
    ['undefined', 'Thrown undefined', 'undefined'],
    ['{ a: 1 }', 'Thrown object', '{ a: 1 }'],
  ])('throwing %s is reported as such', async (value, ename, evalue) => {
    expect((await lab.run(`throw ${value}`)).outcome).toMatchObject({ status: 'error', ename, evalue });
  });

  test('a recursion without end shows its frame once, and how often it comes again', async () => {
    const { traceback } = await lab.run('function deeper(): number { return deeper() + 1 }\ndeeper()');
    expect(traceback.slice(0, 1)).toEqual(['RangeError: Maximum call stack size exceeded']);
    expect(traceback.slice(-2)).toEqual([
      expect.stringMatching(/^ {4}at deeper \(cell \d+, line 1:36\)$/),
      expect.stringMatching(/^ {4}\(the same frame \d+ times more\)$/),
    ]);
  });

  test('the chain of causes is shown', async () => {
    const ran = await lab.run('throw new Error("outer", { cause: new TypeError("inner", { cause: "root" }) })');
    expect(ran.traceback.filter((line) => !line.startsWith('    at'))).toEqual([
      'Error: outer',
      'caused by: TypeError: inner',
      "caused by: 'root'",
    ]);
  });

  test('a cause that leads back to its error is named once more, not for ever', async () => {
    const ran = await lab.run(
      'const round = new Error("round"); round.cause = new Error("b", { cause: round }); throw round',
    );
    expect(ran.traceback.filter((line) => !line.startsWith('    at'))).toEqual([
      'Error: round',
      'caused by: Error: b',
      'caused by: Error: round (above)',
    ]);
  });

  test('errors of the lab show code and remedy below the message, and of the frames only those of the user', async () => {
    expect((await lab.run('lab.fail()')).traceback).toEqual([
      'Error: the board is gone',
      'code: board.lost',
      'remedy: connect again',
      '    at (cell 12, line 1:5)',
    ]);
  });

  test('an error whose own getters throw is still reported', async () => {
    const ran = await lab.run('throw Object.defineProperty(new Error("x"), "message", { get() { throw 1 } })');
    expect(ran.outcome).toMatchObject({ status: 'error', evalue: 'the thrown value cannot be shown' });
  });

  test('error.stack itself shows TypeScript lines where the user prints it', async () => {
    expect((await lab.run('interface X {}\nconsole.log(new Error("printed").stack)')).stdout).toMatch(
      /^Error: printed\n {4}at \(cell \d+, line 2:13\)\n$/,
    );
  });

  test('an uncaught exception in a timer appears in the output of the cell that set it, and the kernel lives', async () => {
    const setter = await lab.run(
      'let fire = () => {}; setTimeout(() => { fire(); throw new Error("from the timer") }, 1); 0',
    );
    const outputs = await lab.until(setter.requestId, (all) => streamText(all, 'stderr').includes('\n    at'));
    expect(streamText(outputs, 'stderr')).toMatch(/^Uncaught Error: from the timer\n {4}at .*\(cell \d+, line 1:/);
    expect((await lab.run('1 + 1')).result).toBe('2');
  });

  test('an unhandled rejection appears in the output of its cell', async () => {
    const { requestId } = await lab.run('void Promise.reject(new Error("nobody cares"))');
    const outputs = await lab.until(requestId, (all) => streamText(all, 'stderr').includes('nobody cares'));
    expect(streamText(outputs, 'stderr')).toMatch(/^Uncaught Error: nobody cares\n/);
  });
});

describe('the end of the process', () => {
  test('process.exit in a cell ends the cell with an error that says the state is lost, and the next cell runs', async () => {
    const other = startLab(GLOBALS);
    try {
      await other.run('const lost = 1; console.log("before")');
      const ran = await other.run('process.stdout.write("last words"); process.exit(3)');
      expect([ran.stdout, ran.stderr]).toEqual(['last words', '']);
      expect(ran.outcome).toMatchObject({
        status: 'error',
        ename: 'ProcessEnded',
        evalue: 'the process that ran the cell ended: it exited with code 3; the state is lost',
      });
      expect(ran.traceback).toContain(`log: ${join(other.folder, 'kernel.log')}`);
      expect(other.logged).toEqual(['the process that runs cells ended: it exited with code 3']);
      expect((await other.run('lost')).traceback[0]).toContain("TS2304: Cannot find name 'lost'.");
      expect((await other.run('lab.answer')).result).toBe('42');
    } finally {
      await other.close();
    }
  });

  test('an abort is reported the same way', async () => {
    const other = startLab();
    try {
      expect(
        (await other.run('process.kill(process.pid, "SIGABRT"); await new Promise(() => {})')).outcome,
      ).toMatchObject({
        evalue: 'the process that ran the cell ended: it was ended by SIGABRT (native code gave up); the state is lost',
      });
      expect((await other.run('2 + 2')).result).toBe('4');
    } finally {
      await other.close();
    }
  });

  test('a full memory ends the cell with its remedy and without pages of frames of V8, and the next cell runs', async () => {
    vi.stubEnv('NODE_OPTIONS', '--max-old-space-size=48');
    const other = startLab();
    vi.unstubAllEnvs();
    try {
      const ran = await other.run(
        'console.log("filling"); const kept = []; for (;;) kept.push(new Array(1e6).fill(0))',
      );
      expect([ran.stdout, ran.stderr]).toEqual(['filling\n', '']);
      expect(ran.traceback).toEqual([
        'ProcessEnded: the memory for JavaScript values is full, so the process that ran the cell ended; the state is lost',
        `log: ${join(other.folder, 'kernel.log')}`,
        'code: cell.out-of-memory',
        'remedy: All variables are lost. Keep less at once (typed arrays lie outside this memory), or start Jupyter with NODE_OPTIONS=--max-old-space-size=8192 (MiB).',
      ]);
      expect(other.logged.join('\n')).toContain('JavaScript heap out of memory');
      expect((await other.run('6 * 7')).result).toBe('42');
    } finally {
      await other.close();
    }
  });

  test.each([
    ['new ArrayBuffer(2 ** 53 - 1)', 'RangeError: Array buffer allocation failed'],
    ['new Array(2 ** 32)', 'RangeError: Invalid array length'],
    ['"x".repeat(2 ** 29)', 'RangeError: Invalid string length'],
  ])('%s is an ordinary error: the process lives', async (code, message) => {
    const { traceback } = await lab.run(`const still${message.length} = 1; ${code}`);
    expect(traceback[0]).toBe(message);
    expect((await lab.run(`still${message.length}`)).result).toBe('1');
  });

  test('an end between cells is told in the output of the newest cell, once', async () => {
    const other = startLab(GLOBALS);
    try {
      const { requestId } = await other.run('const lost = 1; setTimeout(() => process.exit(4), 1); 0');
      const outputs = await other.until(requestId, (all) => streamText(all, 'stderr').includes('remedy'));
      expect(streamText(outputs, 'stderr')).toBe(
        `ProcessEnded: the process that ran the cell ended: it exited with code 4; the state is lost
log: ${join(other.folder, 'kernel.log')}
code: cell.process-ended
remedy: All variables are lost. Run the notebook again from the first cell.
`,
      );
      expect((await other.run('lost')).traceback[0]).toContain("TS2304: Cannot find name 'lost'.");
      expect(streamText(await other.until(requestId, () => true), 'stderr').split('ProcessEnded').length).toBe(2);
    } finally {
      await other.close();
    }
  });

  test('a globals module that does not load costs its names, not the cells, and the first cell says why', async () => {
    const other = startLab({ globalsModule: 'file:///nowhere/globals.mjs' });
    try {
      const first = await other.run('1 + 1');
      expect(first.result).toBe('2');
      expect(first.stderr).toContain('/nowhere/globals.mjs');
      expect(first.stderr).toContain('code: engine.globals-failed');
      expect((await other.run('2 + 2')).stderr).toBe('');
    } finally {
      await other.close();
    }
  });
});
