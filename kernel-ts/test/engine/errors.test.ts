import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
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

  test('the chain of causes is shown', async () => {
    const ran = await lab.run('throw new Error("outer", { cause: new TypeError("inner", { cause: "root" }) })');
    expect(ran.traceback.filter((line) => !line.startsWith('    at'))).toEqual([
      'Error: outer',
      'caused by: TypeError: inner',
      "caused by: 'root'",
    ]);
  });

  test('errors of the lab show code and remedy below the message, and of the frames only those of the user', async () => {
    expect((await lab.run('lab.fail()')).traceback).toEqual([
      'Error: the board is gone',
      'code: board.lost',
      'remedy: connect again',
      '    at (cell 10, line 1:5)',
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
        evalue: 'the process that ran the cell ended: it was ended by SIGABRT; the state is lost',
      });
      expect((await other.run('2 + 2')).result).toBe('4');
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
