import { afterAll, describe, expect, test } from 'vitest';
import { GLOBALS, startLab, streamText } from './harness.js';

const lab = startLab(GLOBALS);
afterAll(() => lab.close());

const texts = (list: { readonly matches: readonly { readonly text: string }[] }): string[] =>
  list.matches.map((one) => one.text);

describe('completion', () => {
  test('members are typed, of names in the same unrun cell and of earlier cells', async () => {
    const code = 'const word = "abc"; word.charC';
    expect(await lab.engine.complete(code, code.length)).toEqual({
      matches: [{ text: 'charCodeAt', type: 'method' }],
      start: 25,
      end: 30,
    });
    await lab.run('const earlier = { alpha: 1, beta() { return 2 } }');
    expect(await lab.engine.complete('earlier.', 8)).toEqual({
      matches: [
        { text: 'alpha', type: 'property' },
        { text: 'beta', type: 'method' },
      ],
      start: 8,
      end: 8,
    });
  });

  test('names of earlier cells are known in a text that is not finished', async () => {
    await lab.run('let part: string | undefined = "p"; function joined() { return ["j"] }');
    for (const code of [
      'function f() {\n  earlier.al',
      'if (earlier) {\n  for (const one of [1]) {\n    earlier.al',
      'console.log(earlier.al',
      'const o = { a: earlier.al',
      'const l = [1, earlier.al',
      'const t = `${earlier.al',
      'const g = (n = 1) => earlier.al',
    ]) {
      expect([code, texts(await lab.engine.complete(code, code.length))]).toEqual([code, ['alpha']]);
    }
    const call = 'function f() {\n  joined().le';
    expect(texts(await lab.engine.complete(call, call.length))).toEqual(['length']);
  });

  test('what a text declares itself hides what an earlier cell declared', async () => {
    for (const code of [
      'const earlier = { gamma: 1 }; earlier.',
      'const { earlier } = { earlier: { gamma: 1 } }; earlier.',
      'class earlier { static gamma = 1; declare static prototype: never }; earlier.ga',
      'namespace earlier { export const gamma = 1 } earlier.',
    ]) {
      expect([code, texts(await lab.engine.complete(code, code.length))]).toEqual([code, ['gamma']]);
    }
    const code = 'function joined() { return { delta: 1 } }\njoined().';
    expect(texts(await lab.engine.complete(code, code.length))).toEqual(['delta']);
  });

  test('the whole name under the cursor is replaced, in the middle of a line', async () => {
    expect(await lab.engine.complete('1 + earl; 2', 6)).toEqual({
      matches: [{ text: 'earlier', type: 'constant' }],
      start: 4,
      end: 8,
    });
  });

  test('names come from the scope, the lab, Node and the language', async () => {
    const code = 'function f(parameterOne: number) { return param }';
    expect(texts(await lab.engine.complete(code, code.length - 2))).toEqual(['parameterOne']);
    expect(texts(await lab.engine.complete('la', 2))).toEqual(['lab', 'later']);
    expect(texts(await lab.engine.complete('struc', 5))).toEqual(['structuredClone']);
    expect(texts(await lab.engine.complete('satis', 5))).toEqual(['satisfies']);
  });

  test('module names and relative paths complete inside import strings', async () => {
    expect(texts(await lab.engine.complete("import x from 'node:f'", 21))).toEqual(['node:fs', 'node:fs/promises']);
    lab.write('helper.ts', 'export const a = 1');
    expect(await lab.engine.complete("import x from './hel'", 20)).toEqual({
      matches: [{ text: 'helper.ts', type: 'file' }],
      start: 17,
      end: 20,
    });
  });

  test('built-in modules complete without node: too', async () => {
    expect(texts(await lab.engine.complete("import x from 'fs", 17))).toEqual(['fs', 'fs/promises']);
  });

  test('what code has put on the global object completes, and so do the members of a value of type any', async () => {
    await lab.run(
      'Object.assign(globalThis, { atRunTime: { inner: { deep: 1, say() {} } } }); const parsed: any = JSON.parse("{\\"key\\": [1]}")',
    );
    expect(await lab.engine.complete('atRunT', 6)).toMatchObject({
      matches: [{ text: 'atRunTime', type: 'variable' }],
    });
    expect(texts(await lab.engine.complete('globalThis.atRunT', 17))).toEqual(['atRunTime']);
    expect((await lab.engine.complete('atRunTime.inner?.', 17)).matches).toEqual([
      { text: 'deep', type: 'property' },
      { text: 'say', type: 'method' },
    ]);
    expect(texts(await lab.engine.complete('parsed.k', 8))).toEqual(['key']);
    expect(texts(await lab.engine.complete('parsed.key.fil', 14))).toEqual(['fill', 'filter']);
    expect(texts(await lab.engine.complete('other().parsed.', 15))).toEqual([]);
  });

  test('looking at values runs no getter and asks no proxy', async () => {
    await lab.run(`var looked = 0;
const traps: any = { get boom(): unknown { looked++; return { x: 1 } }, proxy: new Proxy({ y: 1 }, { ownKeys() { looked++; return [] } }) };
Object.defineProperty(globalThis, 'accessor', { get() { looked++; return { z: 1 } }, configurable: true });`);
    expect(texts(await lab.engine.complete('traps.', 6))).toEqual(['boom', 'proxy']);
    for (const code of ['traps.boom.', 'traps.proxy.', 'accessor.']) {
      expect(texts(await lab.engine.complete(code, code.length))).toEqual([]);
    }
    expect((await lab.run('looked')).result).toBe('0');
  });

  test('names set at run time complete while a cell spins, and are gone with its process', async () => {
    const other = startLab();
    try {
      await other.run('(globalThis as any).survivor = { a: 1 }; 0');
      const spinning = other.start('console.log("on"); while (true) {}');
      await other.until(spinning.requestId, (all) => streamText(all, 'stdout') === 'on\n');
      expect(texts(await other.engine.complete('surv', 4))).toEqual(['survivor']);
      expect(texts(await other.engine.complete('survivor.', 9))).toEqual([]);
      await other.engine.interrupt();
      await spinning.ended;
      expect(texts(await other.engine.complete('survivor.', 9))).toEqual(['a']);
      await other.run('process.exit(1)');
      expect(texts(await other.engine.complete('surv', 4))).toEqual([]);
    } finally {
      await other.close();
    }
  });

  test('no getter of the user runs', async () => {
    await lab.run('const trap = { get boom(): number { console.log("ran"); return 1 } }');
    expect(texts(await lab.engine.complete('trap.', 5))).toEqual(['boom']);
    expect((await lab.run('0')).stdout).toBe('');
  });
});

describe('inspection', () => {
  test('a function shows signature, documentation and tags, from anywhere in its name and inside its call', async () => {
    await lab.run('/** Doubles.\n * @param n what to double */\nfunction double(n: number): number { return n * 2 }');
    const expected = '(function) double: (n: number) => number\n\nDoubles.\n\n@param n what to double';
    for (const cursor of [0, 3, 6, 7]) {
      const found = await lab.engine.inspect('double(4)', cursor, 0);
      expect(found.data['text/plain'], `cursor ${cursor}`).toBe(expected);
      expect(found.data['text/markdown']).toContain('```typescript\n(function) double');
    }
  });

  test('a variable of an earlier cell keeps its documentation, and one without has none', async () => {
    await lab.run(
      '/** How much\n * at most. */\nconst limit = 3;\nexport let plain = 4;\n/** Rows. */ export const rows: number[] = []',
    );
    const plain = async (name: string) => (await lab.engine.inspect(name, 1, 0)).data['text/plain'];
    expect(await plain('limit')).toBe('(variable) limit: 3\n\nHow much\nat most.');
    expect(await plain('plain')).toBe('(variable) plain: number');
    expect(await plain('rows')).toBe('(variable) rows: number[]\n\nRows.');
  });

  test('a type is found by its name alone, as a value is, with its members on demand', async () => {
    await lab.run(
      '/** How to draw. */\ninterface Stroke { width?: number; color: string }\ntype Side = "left" | "right"',
    );
    expect((await lab.engine.inspect('Stroke', 6, 0)).data['text/plain']).toBe('(interface) Stroke\n\nHow to draw.');
    expect((await lab.engine.inspect('Stroke', 2, 1)).data['text/plain']).toBe(
      '(interface) Stroke\n\nHow to draw.\n\nwidth: number | undefined\ncolor: string',
    );
    expect((await lab.engine.inspect('Side', 1, 0)).data['text/plain']).toBe('(type) Side: "left" | "right"');
    expect((await lab.engine.inspect('"Stroke"', 3, 0)).found).toBe(false);
    expect((await lab.engine.inspect('process.Stroke', 12, 0)).found).toBe(false);
  });

  test('an unknown name is not found', async () => {
    expect(await lab.engine.inspect('nobodyKnows', 3, 0)).toEqual({ found: false, data: {} });
  });

  test('detail level 1 adds the members', async () => {
    await lab.run('const pair = { left: 1, right: "r" }');
    expect((await lab.engine.inspect('pair', 1, 1)).data['text/plain']).toContain('left: number\nright: string');
  });
});

describe('completeness', () => {
  test.each([
    ['1 + 1', 'complete'],
    ['', 'complete'],
    ['#| echo: false\nawait x', 'complete'],
    ['foo(', 'incomplete'],
    ['if (x) {', 'incomplete'],
    ['[1,', 'incomplete'],
    ['`open', 'incomplete'],
    ['/* open', 'incomplete'],
    ['`open ${a', 'incomplete'],
    ['const x', 'incomplete'],
    ['let', 'incomplete'],
    ['f(); await', 'incomplete'],
    ['await using file', 'incomplete'],
    ['@dec', 'incomplete'],
    ['a?.', 'incomplete'],
    ['x.await = ', 'incomplete'],
    ['const 1', 'invalid'],
    ['1; 2 3', 'invalid'],
    ['<div>hi</div>', 'invalid'],
    ['/open', 'invalid'],
    ['foo(]', 'invalid'],
    ['let a = ;', 'invalid'],
    ['"abc', 'invalid'],
    ['}', 'invalid'],
  ])('%j is %s', async (code, status) => {
    expect((await lab.engine.isComplete(code)).status).toBe(status);
  });

  test('an open brace asks for two more spaces', async () => {
    expect(await lab.engine.isComplete('  if (x) {')).toEqual({ status: 'incomplete', indent: '    ' });
  });
});

test('completion and inspection answer while a cell spins', async () => {
  const cell = lab.start("require('node:fs').writeSync(1, 'started'); while (true) {}");
  await lab.until(cell.requestId, (all) => streamText(all, 'stdout') === 'started');
  expect(texts(await lab.engine.complete('pair.le', 7))).toEqual(['left']);
  expect((await lab.engine.inspect('pair', 1, 0)).found).toBe(true);
  await lab.engine.interrupt();
  expect((await cell.ended).outcome).toMatchObject({ ename: 'Interrupted' });
});

test('half a surrogate pair in a question or in a cell costs no answer to the next one', async () => {
  expect(texts(await lab.engine.complete('"\ud800".charC', 9))).toEqual(['charCodeAt']);
  expect((await lab.run('"\udc00".length')).result).toBe('1');
  expect((await lab.run('const checked: string = 1')).traceback[0]).toContain('TS2322');
});
