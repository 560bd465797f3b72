import { afterAll, describe, expect, test } from 'vitest';
import { GLOBALS, startLab, streamText } from './harness.js';

const lab = startLab(GLOBALS);
afterAll(() => lab.close());

describe('type checking', () => {
  test('a cell with a type error does not run, and the error shows code, line, column and excerpt', async () => {
    const ran = await lab.run("console.log('ran')\n  const wrong: number = 'text'");
    expect(ran.stdout).toBe('');
    expect(ran.outcome).toEqual({
      status: 'error',
      ename: 'TypeCheckError',
      evalue: "TS2322: Type 'string' is not assignable to type 'number'. (line 2, column 9)",
      traceback: [
        "cell 1, line 2:9 - TS2322: Type 'string' is not assignable to type 'number'.",
        "2 |   const wrong: number = 'text'",
        '  |         ^^^^^',
        'code: cell.type',
        "remedy: Correct the types, or set kernel.settings.check = 'warn' to run the cell anyway; nothing of it has run.",
      ],
    });
  });

  test('types flow across cells and follow a redeclaration', async () => {
    await lab.run('const flow = { deep: [1] }');
    expect((await lab.run('flow.deep[0].toUpperCase()')).traceback[0]).toContain('TS2339');
    expect((await lab.run('flow.deep.map((n) => n.toUpperCase())')).traceback[0]).toContain(
      "TS2339: Property 'toUpperCase' does not exist on type 'number'.",
    );
    await lab.run('const flow = { deep: ["a"] }');
    expect((await lab.run('flow.deep.map((n) => n.toUpperCase())')).result).toBe("[ 'A' ]");
  });

  test('a value made from an older declaration keeps its type after the redeclaration', async () => {
    await lab.run('const source = 4');
    await lab.run('const copy = source');
    await lab.run('const source = "text"');
    expect((await lab.run('copy.toFixed(1)')).result).toBe("'4.0'");
    expect((await lab.run('copy.length')).traceback[0]).toContain("'length' does not exist on type '4'");
  });

  test('a cell that failed its check or did not parse leaves nothing behind', async () => {
    await lab.run('const poison: number = "x"');
    expect((await lab.run('poison')).traceback[0]).toContain("TS2304: Cannot find name 'poison'.");
    await lab.run('const half = (');
    expect((await lab.run('const half = 1; half')).result).toBe('1');
  });

  test('a variable has its declared type in later cells, not the one that it was given last', async () => {
    await lab.run('let either: string | number = 5; const grown = []; grown.push(1)');
    expect((await lab.run('either = "text"; grown.push("two"); [either, grown.length]')).result).toBe("[ 'text', 2 ]");
    expect((await lab.run('either = true')).traceback[0]).toContain(
      "TS2322: Type 'boolean' is not assignable to type 'string | number'.",
    );
    await lab.run('const asserts: (value: unknown) => asserts value is string = () => {}; const unsure: unknown = "u"');
    expect((await lab.run('asserts(unsure); unsure.toUpperCase()')).result).toBe("'U'");
  });

  test('a name that is also the name of a type can be declared and used', async () => {
    await lab.run('const string = "s", any = [1], of_string = 2');
    expect((await lab.run('[string.length, any.length, of_string]')).result).toBe('[ 1, 1, 2 ]');
  });

  test('packages that refer to libraries and to Node see the ones of the cells', async () => {
    lab.write(
      'refers.d.ts',
      '/// <reference types="node" />\n/// <reference lib="es2020" />\nexport const at: Buffer;',
    );
    lab.write('refers.js', 'export const at = Buffer.from("b")');
    const ran = await lab.run(
      "import { at } from './refers.js'\nconst whole: Buffer = at; [whole.length, [1, 2].findLast((n) => n > 1)]",
    );
    expect(ran.result).toBe('[ 1, 2 ]');
    expect((await lab.run('at.nothing')).traceback[0]).toContain(
      "TS2339: Property 'nothing' does not exist on type 'Buffer",
    );
  });

  test('the same cell id again replaces the older text', async () => {
    await lab.run('const firstText = 1', { cellId: 'a' });
    await lab.run('const secondText = 2', { cellId: 'a' });
    expect((await lab.run('firstText')).traceback[0]).toContain("TS2304: Cannot find name 'firstText'.");
    expect((await lab.run('secondText')).result).toBe('2');
  });

  test('a constant of an earlier cell cannot be assigned', async () => {
    await lab.run('const fixed = 1');
    expect((await lab.run('fixed = 2')).traceback[0]).toContain(
      "TS2588: Cannot assign to 'fixed' because it is a constant.",
    );
  });

  test('an array that later cells fill is no error', async () => {
    await lab.run('const list = []');
    expect((await lab.run('list.push(1, 2); list.length')).result).toBe('2');
  });

  test("Node's types and the lab's names are known, and a cell may hide them", async () => {
    expect((await lab.run('const size: number = process.pid; typeof size')).result).toBe("'number'");
    expect((await lab.run('lab.answer')).result).toBe('42');
    expect((await lab.run('lab.nothing')).traceback[0]).toContain("TS2339: Property 'nothing' does not exist");
    await lab.run('const lab = "hidden"');
    expect((await lab.run('lab.toUpperCase()')).result).toBe("'HIDDEN'");
    await lab.run('const fetch = (n: number) => n + 1');
    expect((await lab.run('fetch(1)')).result).toBe('2');
    expect((await lab.run('fetch("x")')).traceback[0]).toContain('TS2345');
  });

  test('a syntax error is told at its place and nothing of the cell has run', async () => {
    const ran = await lab.run("console.log('ran')\nconst a = [1, 2\nconst b = 1");
    expect(ran.stdout).toBe('');
    expect(ran.outcome).toMatchObject({
      status: 'error',
      ename: 'SyntaxError',
      evalue: "TS1005: ',' expected. (line 3, column 1)",
    });
    expect(ran.traceback.slice(1, 3)).toEqual(['3 | const b = 1', '  | ^^^^^']);
  });

  test('a cell can set the check to warn and to off for the cells after it', async () => {
    await lab.run("kernel.settings.check = 'warn'");
    const warned = await lab.run('const w: number = "text"; w');
    expect(warned.result).toBe("'text'");
    expect(warned.stderr).toContain("TS2322: Type 'string' is not assignable to type 'number'.\n1 | const w");
    await lab.run("kernel.settings.check = 'off'");
    const unchecked = await lab.run('const u: number = "text"; u');
    expect([unchecked.result, unchecked.stderr]).toEqual(["'text'", '']);
    await lab.run("kernel.settings.check = 'error'");
    expect((await lab.run('const e: number = "text"')).outcome.status).toBe('error');
  });

  test('more cells than the pool of files holds are still checked', async () => {
    for (let index = 0; index < 70; index++) await lab.run(`const many${index} = ${index}`);
    expect((await lab.run('many0 + many69')).result).toBe('69');
    expect((await lab.run('many69.length')).traceback[0]).toContain('TS2339');
  });
});

describe('without the checker', () => {
  test('assigning a constant throws although nothing is checked', async () => {
    const bare = startLab({ check: 'off' });
    try {
      await bare.run('const k = 1; let free = 1');
      expect((await bare.run('k = 2')).outcome).toMatchObject({
        ename: 'TypeError',
        evalue: 'Assignment to constant variable.',
      });
      expect((await bare.run('function f(k: number) { k = 3; return k }\n[f(1), k, free = 4]')).result).toBe(
        '[ 3, 1, 4 ]',
      );
    } finally {
      await bare.close();
    }
  });

  test('a checker whose process dies costs a notice once, no cell, and comes back', async () => {
    const other = startLab();
    try {
      await other.run('const stays = 1');
      const checker = (other.engine as unknown as { readonly checkerPid: number | undefined }).checkerPid;
      expect(checker).toBeTypeOf('number');
      process.kill(checker as number, 'SIGKILL');
      const first = await other.run('stays + 1');
      const second = await other.run('stays + 2');
      expect([first.result, second.result]).toEqual(['2', '3']);
      expect(
        streamText([...first.outputs, ...second.outputs], 'stderr').split('engine.checker-unavailable').length - 1,
      ).toBeLessThanOrEqual(1);
      expect((await other.run('stays.length')).traceback[0]).toContain('TS2339');
    } finally {
      await other.close();
    }
  });
});
