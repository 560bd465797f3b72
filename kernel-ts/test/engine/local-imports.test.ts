/** What happens where the notebook's own files are wrong, lead in a circle, or throw. */
import { afterAll, expect, test } from 'vitest';
import { GLOBALS, startLab } from './harness.js';

const lab = startLab(GLOBALS);
afterAll(() => lab.close());

test('a TypeScript file that does not parse is named with line, column and excerpt, and works once it is corrected', async () => {
  const cell = "import { width } from './sizes.ts'\nwidth";
  lab.write('sizes.ts', 'export const width = 1\n');
  expect((await lab.run(cell)).result).toBe('1');
  lab.write('sizes.ts', 'export const height = 2\nexport const width = ;\n');
  expect((await lab.run(cell)).outcome).toEqual({
    status: 'error',
    ename: 'EngineError',
    evalue: 'sizes.ts, line 2:22 - Expression expected\n2 | export const width = ;\n  |                      ^',
    traceback: [
      'EngineError: sizes.ts, line 2:22 - Expression expected',
      '2 | export const width = ;',
      '  |                      ^',
      'code: cell.bad-file',
      'remedy: Write or build the file again, then run the cell again.',
      '    at (cell 2, line 1:1)',
    ],
  });
  lab.write('sizes.ts', 'export const width = 33\n');
  expect((await lab.run(cell)).result).toBe('33');
});

test('also where another file imports it', async () => {
  lab.write('leaf.ts', 'export const leaf = (\n');
  lab.write('stem.ts', "export { leaf } from './leaf.ts'\n");
  const { traceback } = await lab.run("import { leaf } from './stem.ts'");
  expect(traceback[0]).toBe('EngineError: leaf.ts, line 2:1 - Expression expected');
});

test('files that import each other load, and are loaded anew when either has changed', async () => {
  lab.write(
    'egg.ts',
    "import { hen } from './hen.ts'\nexport const egg = 'egg'\nexport const both = () => egg + hen\n",
  );
  lab.write('hen.ts', "import { egg } from './egg.ts'\nexport const hen = 'hen'\nexport const first = () => egg\n");
  const cell = "import { both } from './egg'; import { first } from './hen'\nboth() + first()";
  expect((await lab.run(cell)).result).toBe("'egghenegg'");
  lab.write('hen.ts', "import { egg } from './egg.ts'\nexport const hen = 'cock'\nexport const first = () => egg\n");
  expect((await lab.run(cell)).result).toBe("'eggcockegg'");
});

test('an error in an imported file has the lines of its TypeScript, while it loads and later', async () => {
  lab.write(
    'throws.ts',
    'interface Gone {\n  a: number\n}\nexport function fail(what: Gone): never {\n  throw new Error("a is " + what.a)\n}\n',
  );
  const { traceback } = await lab.run("import { fail } from './throws.ts'\n\nfail({ a: 1 })");
  expect(traceback).toEqual([
    'Error: a is 1',
    '    at fail (throws.ts:5:9)',
    expect.stringMatching(/^ {4}at \(cell \d+, line 3:1\)$/),
  ]);
  lab.write('loads.ts', 'type Gone = {\n  a: number\n}\nthrow new Error("at once")\n');
  const loading = await lab.run("import './loads.ts'");
  expect(loading.traceback.slice(0, 2)).toEqual(['Error: at once', '    at (loads.ts:4:7)']);
});
