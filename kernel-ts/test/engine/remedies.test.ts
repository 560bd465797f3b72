/** What a user is told to do about a cell that cannot run. */
import { afterAll, describe, expect, test } from 'vitest';
import { startLab } from './harness.js';

const lab = startLab();
afterAll(() => lab.close());

const codeOf = async (code: string): Promise<string | undefined> =>
  (await lab.run(code)).traceback.find((line) => line.startsWith('code: '))?.slice('code: '.length);

describe('a cell that cannot run says what to do about it', () => {
  test.each([
    ['declaredInACellThatHasNotRun + 1', 'cell.unknown-name'],
    ['const total = 1; totl', 'cell.unknown-name'],
    ['const one = 1; const one = 2', 'cell.declared-twice'],
    ['let one = 1; function one() {}', 'cell.declared-twice'],
    ['type One = 1; type One = 2', 'cell.declared-twice'],
    ["import pad from 'left-pad-that-is-missing'", 'cell.missing-module'],
    ["import './missing.ts'", 'cell.missing-module'],
    ["await import('also-missing')", 'cell.missing-module'],
    ['{ a: 1, b: 2 }', 'cell.object'],
    ['  {\n  a: [1],\n  b: 2,\n}', 'cell.object'],
    ['const view = <b>bold</b>', 'cell.jsx'],
    ['(<p>text</p>)', 'cell.jsx'],
    ['const = 3', 'cell.syntax'],
    ['const one = 1; delete one', 'cell.syntax'],
    ['class One { constructor(@two() one: number) {} }', 'cell.decorator'],
    ['function two(t: object, k: string, d: object) {}\nclass One { @two m() {} }', 'cell.decorator'],
    ['{ a: 1', 'cell.syntax'],
    ['function () {}', 'cell.syntax'],
    ['const text: string = 3', 'cell.type'],
    ['const one = 1; one.two', 'cell.type'],
  ])('%j: %s', async (code, expected) => {
    expect(await codeOf(code)).toBe(expected);
  });

  test('a magic of a whole cell is named, with the place of the list', async () => {
    const { outcome } = await lab.run('%%time\n1 + 1');
    expect(outcome).toMatchObject({ evalue: 'There is no magic %%time; %help lists them. (line 1, column 1)' });
  });

  test.each([
    'JSON.parse("{")',
    'await null; JSON.parse("{")',
    'throw new SyntaxError("mine")',
    'new Function("let a; let a")',
  ])('a SyntaxError that the code throws is no complaint about the cell: %s', async (code) => {
    const { outcome, traceback } = await lab.run(code);
    expect(outcome).toMatchObject({ ename: 'SyntaxError' });
    expect(traceback.filter((line) => line.startsWith('code: '))).toEqual([]);
    expect(traceback.at(-1)).toMatch(/^ {4}at \(cell \d+, line 1:\d+\)$/);
  });

  test('a name that is declared twice is found without the checker too, at its second place, before anything ran', async () => {
    const own = startLab({ check: 'off' });
    const { traceback, stdout } = await own.run('console.log("ran")\nconst one: number = 1\nconst one = 2');
    await own.close();
    expect(stdout).toBe('');
    expect(traceback).toEqual([
      "SyntaxError: Identifier 'one' has already been declared",
      'code: cell.declared-twice',
      expect.stringMatching(/^remedy: Give one of them another name/),
      '    at (cell 1, line 3:7)',
    ]);
  });
});
