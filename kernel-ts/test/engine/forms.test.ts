/** Forms of TypeScript that users type, and what a notebook shows for them: one table, each row a cell of its own. */
import { afterAll, describe, expect, test } from 'vitest';
import { GLOBALS, startLab } from './harness.js';

const lab = startLab(GLOBALS);
afterAll(() => lab.close());

describe('a cell', () => {
  test.each([
    // values and their absence
    ['1; 2; 3', '3'],
    ['3 // comment', '3'],
    ['3 /* comment */;\n\n', '3'],
    ['(3)\n;', '3'],
    ['', undefined],
    ['  \n\t', undefined],
    ['// only a comment', undefined],
    ['/* only */', undefined],
    [';', undefined],
    ['if (true) { 42 }', undefined],
    ['void 0', undefined],
    ['null', 'null'],
    ['-0', '-0'],
    ['10n ** 20n', '100000000000000000000n'],
    ["Symbol.for('k')", 'Symbol(k)'],
    ["({ [Symbol('s')]: 1 })", '{ [Symbol(s)]: 1 }'],
    ["const round: any = { name: 'r' }; round.self = round; round", "<ref *1> { name: 'r', self: [Circular *1] }"],
    ['new Map([[{ a: 1 }, new Set([1])]])', 'Map(1) { { a: 1 } => Set(1) { 1 } }'],
    ['let runs = 0; ({ get side() { return ++runs }, runs })', '{ side: [Getter], runs: 0 }'],
    ['[undefined, null, , 3]', '[ undefined, null, <1 empty item>, 3 ]'],
    // declarations
    [
      'const { a, b: { c = 5, ...rest }, ...more } = { a: 1, b: { d: 3 } as { c?: number; d: number }, e: 4 }; [a, c, rest, more]',
      '[ 1, 5, { d: 3 }, { e: 4 } ]',
    ],
    ['const [first, , third = 3, ...tail] = [1, 2, undefined, 4]; [first, third, tail]', '[ 1, 3, [ 4 ] ]'],
    ['var twice = 1; var twice = 2; twice', '2'],
    ['let made = 0\nexport default class { static { made += 1 } }\nmade', '1'],
    ['export default function () { return 1 }\n2', '2'],
    ["import path = require('node:path'); path.basename('a/b')", "'b'"],
    ['const enum Flag { A = 1, B = A << 2 }\nFlag.B', '4'],
    ['enum Mixed { A, B = "b" }\n[Mixed.A, Mixed[0], Mixed.B]', "[ 0, 'A', 'b' ]"],
    [
      'namespace Outer { export namespace Inner { export type T = string; export const f = (): T => "in" } }\nOuter.Inner.f()',
      "'in'",
    ],
    [
      'abstract class Shape { abstract area(): number }\nclass Square extends Shape { override area() { return 4 } }\nnew Square().area()',
      '4',
    ],
    [
      'class Counter { accessor n = 1; static { total = 5 } #p = 1; has(o: object) { return #p in o } }\nvar total: number\n[new Counter().n, new Counter().has({})]',
      '[ 1, false ]',
    ],
    ['class Point { constructor(readonly x: number, protected y = 2) {} }\nnew Point(1)', 'Point { x: 1, y: 2 }'],
    [
      'function pick(a: string): string; function pick(a: number): number; function pick(a: any) { return a }\npick(1)',
      '1',
    ],
    ['function get<T extends { n: number }>(t: T): T["n"] { return t.n }\nget({ n: 4 })', '4'],
    [
      'interface Merged { a: 1 }\ninterface Merged { b: 2 }\nconst merged: Merged = { a: 1, b: 2 }; merged',
      '{ a: 1, b: 2 }',
    ],
    [
      "import type { Stats } from 'node:fs'; import { sep, type ParsedPath } from 'node:path'\nconst none: Stats | ParsedPath | undefined = undefined; sep",
      "'/'",
    ],
    ['export const shared = 4; shared', '4'],
    ['const naïve = 1, 变量 = 2, \\u0061bc = 3; [naïve, 变量, abc]', '[ 1, 2, 3 ]'],
    // statements
    [
      'const found: number[] = []\nouter: for (let i = 0; i < 3; i++) { for (;;) { if (i === 1) break outer; found.push(i); continue outer } }\nfound',
      '[ 0 ]',
    ],
    ['let left = 1\nblock: { if (left) break block; left = 2 }\nleft', '1'],
    ['const heard: number[] = []\nfor await (const one of [Promise.resolve(1), 2]) heard.push(one)\nheard', '[ 1, 2 ]'],
    [
      'let state = await Promise.resolve(1)\nif (await Promise.resolve(true)) state += await Promise.resolve(1)\nstate',
      '2',
    ],
    [
      'const order: string[] = []\n{ using one = { [Symbol.dispose]() { order.push("gone") } }; order.push("in") }\norder',
      "[ 'in', 'gone' ]",
    ],
    ['try { throw 1 } catch { 2 } finally { 3 }', undefined],
    // the library of today
    ['[3, 1, 2].toSorted().with(0, 9).findLast((n) => n < 9)', '3'],
    ['Object.groupBy === undefined ? 0 : 1', undefined],
    ['structuredClone(new Map([[1, { at: new Date(0) }]]))', 'Map(1) { 1 => { at: 1970-01-01T00:00:00.000Z } }'],
    ["const text = await (await fetch('data:text/plain,hello')).text(); text", "'hello'"],
    [
      'const stream = new ReadableStream<number>({ start(c) { c.enqueue(7); c.close() } })\nlet last = 0; for await (const n of stream) last = n\nlast',
      '7',
    ],
    ["performance.mark('a'); performance.measure('m', 'a').name", "'m'"],
    [
      'const { port1, port2 } = new MessageChannel(); const heard2 = new Promise((r) => port2.once("message", r)); port1.postMessage(5); const got = await heard2; port1.close(); got',
      '5',
    ],
  ] as const)('%j', async (code, shown) => {
    const { outcome, result, traceback } = await lab.run(code);
    // The library is that of 2023: what is newer is a type error, not a surprise at run time.
    if (code.startsWith('Object.groupBy')) return expect(traceback[0]).toContain('TS2550');
    expect([outcome.status, result], traceback.join('\n')).toEqual(['ok', shown]);
  });

  test('of a megabyte runs, and one with as many names as a program', async () => {
    expect((await lab.run(`const megabyte = '${'x'.repeat(1e6)}'; megabyte.length`)).result).toBe('1000000');
    const names = Array.from({ length: 3000 }, (_, at) => `const many${at} = ${at};`);
    expect((await lab.run(`${names.join('\n')}\nmany2999`)).result).toBe('2999');
    expect((await lab.run('many0 + many2999')).result).toBe('2999');
  });

  test('of lines that end as on Windows has its errors in the right line', async () => {
    const { traceback } = await lab.run('// one\r\n// two\r\nconst wrong: string = 3\r\n');
    expect(traceback[0]).toMatch(/^cell \d+, line 3:7 - TS2322: /);
    expect((await lab.run('// one\r\nthrow new Error("x")')).traceback[1]).toMatch(/line 2:7\)$/);
  });

  test('runs a worker thread, whose lines and messages arrive', async () => {
    const ran = await lab.run(`import { Worker } from 'node:worker_threads'
const worker = new Worker('const { parentPort } = require("node:worker_threads"); console.log("in worker"); parentPort.postMessage(5)', { eval: true })
await new Promise((done) => worker.once('message', done))`);
    expect([ran.outcome.status, ran.result]).toEqual(['ok', '5']);
    await lab.until(ran.requestId, (all) => all.some((one) => one.kind === 'stream' && one.text.includes('in worker')));
  });

  test.each([
    ['Symbol("s")', 'Thrown symbol', 'Symbol(s)'],
    ['5n', 'Thrown bigint', '5n'],
    ['(() => 1)', 'Thrown function', '[Function (anonymous)]'],
    ['Object.create(null)', 'Thrown object', '[Object: null prototype] {}'],
    ['new AggregateError([new Error("one"), 2], "many")', 'AggregateError', 'many'],
    ['new Proxy(new Error("p"), { get() { throw 1 } })', 'Error', 'the thrown value cannot be shown'],
  ])('that throws %s says so', async (value, ename, evalue) => {
    expect((await lab.run(`throw ${value}`)).outcome).toMatchObject({ status: 'error', ename, evalue });
  });
});
