import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GLOBALS, type Lab, startLab } from '../harness.js';
import { type Body, DebugClient, values } from './client.js';

let lab: Lab;
let debug: DebugClient;
let cell: { readonly ended: Promise<unknown> };
let frameId: number;

/** One cell that stays stopped while every test looks into it. */
const code = `class Tensor {
  constructor(readonly data: Float32Array, readonly shape: number[]) {}
  get size(): number { return this.shape.reduce((a, b) => a * b, 1); }
  get broken(): number { throw new RangeError('no value'); }
  static kind = 'tensor';
  #layout = { order: 'C' };
  get layout() { return this.#layout; }
}
function look(depth: number) {
  const nothing: null = null, missing = undefined, flag = true, big = 2n ** 70n, not = NaN;
  const text = 'a "quoted" text', symbol = Symbol('s'), when = new Date(0), pattern = /x+/gi;
  const list = [1, 'two', { three: 3 }], million = Array.from({ length: 1e6 }, (_, i) => i);
  const map = new Map<unknown, unknown>([['one', { n: 1 }], [{ k: 2 }, 'two']]), set = new Set([7, 8]);
  const bytes = new Uint8Array([1, 2, 3]), floats = new Float32Array(300).fill(0.5);
  const tensor = new Tensor(new Float32Array([1, 2]), [1, 2]);
  const cyclic: { self?: unknown; name: string } = { name: 'c' };
  cyclic.self = cyclic;
  const failure = new TypeError('broken', { cause: 'why' });
  let trapped = 0;
  const proxy = new Proxy({ p: 1 }, { get() { trapped++; return 9; }, ownKeys() { trapped++; return []; } });
  const settled = Promise.resolve(5), many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => ['k' + i, i]));
  const fn = (x: number) => x + depth;
  return [nothing, missing, flag, big, not, text, symbol, when, pattern, list, million, map, set, bytes, floats, tensor, cyclic, failure, proxy, settled, many, fn, trapped];
}
const outer = { where: 'outside' };
look(1)[22]`;

beforeAll(async () => {
  lab = startLab(GLOBALS);
  debug = new DebugClient(lab);
  await debug.start();
  await debug.breakAt(code, 23);
  cell = lab.start(code);
  await debug.stopped();
  frameId = (await debug.body('stackTrace', { threadId: 1 })).stackFrames[0].id;
});
afterAll(async () => {
  await debug.body('continue', { threadId: 1 });
  await cell.ended;
  await lab.close();
});

const locals = (): Promise<Record<string, Body>> => debug.scope('Locals');
const evaluate = (expression: string, more: object = {}): Promise<Body> =>
  debug.body('evaluate', { expression, frameId, context: 'repl', ...more });

describe('a variable of each kind', () => {
  test('is shown on one line with its type', async () => {
    const shown = await locals();
    const line = (name: string): string[] => [shown[name].value, shown[name].type];
    expect(line('depth')).toEqual(['1', 'number']);
    expect(line('nothing')).toEqual(['null', 'null']);
    expect(line('missing')).toEqual(['undefined', 'undefined']);
    expect(line('flag')).toEqual(['true', 'boolean']);
    expect(line('big')).toEqual(['1180591620717411303424n', 'bigint']);
    expect(line('not')).toEqual(['NaN', 'number']);
    expect(line('text')).toEqual([`'a "quoted" text'`, 'string']);
    expect(line('symbol')).toEqual(['Symbol(s)', 'symbol']);
    expect(line('when')).toEqual(['1970-01-01T00:00:00.000Z', 'Date']);
    expect(line('pattern')).toEqual(['/x+/gi', 'RegExp']);
    expect(line('list')).toEqual(["[ 1, 'two', { three: 3 } ]", 'Array']);
    expect(line('map')).toEqual(["Map(2) { 'one' => { n: 1 }, { k: 2 } => 'two' }", 'Map']);
    expect(line('set')).toEqual(['Set(2) { 7, 8 }', 'Set']);
    expect(line('bytes')).toEqual(['Uint8Array(3) [ 1, 2, 3 ]', 'Uint8Array']);
    expect(line('tensor')).toEqual(['Tensor { data: Float32Array(2) [ 1, 2 ], shape: [ 1, 2 ] }', 'Tensor']);
    expect(line('cyclic')).toEqual(["<ref *1> { name: 'c', self: [Circular *1] }", 'Object']);
    expect(line('failure')).toEqual(['TypeError: broken', 'TypeError']);
    expect(line('proxy')[1]).toBe('Proxy');
    expect(line('settled')).toEqual(['Promise { 5 }', 'Promise']);
    expect(line('many')).toEqual(['Object { 5000 keys }', 'Object']);
    expect(line('fn')).toEqual(['[Function: fn]', 'function']);
    expect(line('million')[0]).toMatch(/^\[ 0, 1, .* 999990 more items \]$/);
    expect((await evaluate('trapped')).result).toBe('0');
  });

  test('opens: lists, maps, sets, typed arrays, objects, errors', async () => {
    const shown = await locals();
    const opened = async (name: string) => values(await debug.inside(shown[name]));
    expect(await opened('list')).toEqual({ 0: '1', 1: "'two'", 2: '{ three: 3 }', length: '3' });
    expect(await opened('map')).toEqual({ 0: "'one' => { n: 1 }", 1: "{ k: 2 } => 'two'", size: '2' });
    const entries = await debug.inside(shown.map);
    expect(values(await debug.inside(entries['1']))).toEqual({ key: '{ k: 2 }', value: "'two'" });
    expect(await opened('set')).toEqual({ 0: '7', 1: '8', size: '2' });
    expect(await opened('bytes')).toEqual({ 0: '1', 1: '2', 2: '3', length: '3' });
    expect(await opened('failure')).toMatchObject({ message: "'broken'", cause: "'why'" });
    expect(Object.keys(await opened('many'))).toHaveLength(5000);
    expect(shown.when.variablesReference).toBe(0);
    expect(shown.proxy.variablesReference).toBe(0);
  });

  test('of a cycle opens as often as one likes', async () => {
    let one = (await locals()).cyclic;
    for (let depth = 0; depth < 5; depth += 1) one = (await debug.inside(one)).self;
    expect(values(await debug.inside(one))).toMatchObject({ name: "'c'" });
    expect(one.evaluateName).toBe('cyclic.self.self.self.self.self');
    expect((await evaluate(`${one.evaluateName}.name`)).result).toBe("'c'");
  });

  test('with accessors runs them only when they are opened', async () => {
    const tensor = await debug.inside((await locals()).tensor);
    expect(tensor.size).toMatchObject({ value: '(…)', evaluateName: 'tensor.size', presentationHint: { lazy: true } });
    expect(values(await debug.inside(tensor.size))).toEqual({ size: '2' });
    expect(values(await debug.inside(tensor.broken))).toEqual({ broken: 'RangeError: no value' });
  });

  test('with private fields shows them', async () => {
    const { '#layout': field } = await debug.inside((await locals()).tensor);
    expect(field).toMatchObject({
      value: "{ order: 'C' }",
      evaluateName: 'tensor.#layout',
      presentationHint: { visibility: 'private' },
    });
    expect(values(await debug.inside(field))).toEqual({ order: "'C'" });
    expect((await evaluate('tensor.#layout.order')).result).toBe("'C'");
  });

  test('with a million elements opens by ranges, and by the pages that are asked for', async () => {
    const { million } = await locals();
    expect(million.indexedVariables).toBe(1_000_000);
    const ranges = await debug.inside(million);
    expect(Object.keys(ranges)).toHaveLength(101);
    expect(ranges['[990000 … 999999]'].indexedVariables).toBe(10_000);
    const smaller = await debug.inside(ranges['[990000 … 999999]']);
    expect(Object.keys(smaller)).toHaveLength(100);
    const last = await debug.inside(smaller['[999900 … 999999]']);
    expect(last['999999']).toMatchObject({ value: '999999', evaluateName: 'million[999999]' });
    const page = { filter: 'indexed', start: 500_000, count: 3 };
    expect(values(await debug.inside(million, page))).toEqual({ 500000: '500000', 500001: '500001', 500002: '500002' });
    expect(values(await debug.inside(million, { filter: 'named' }))).toEqual({ length: '1000000' });
    const floats = await debug.inside((await locals()).floats);
    expect(Object.keys(floats)).toEqual(['[0 … 99]', '[100 … 199]', '[200 … 299]', 'length']);
  });
});

describe('scopes', () => {
  test('are the locals, what the function closes over, and the names of all cells', async () => {
    const { scopes } = await debug.body('scopes', { frameId });
    expect(scopes.map(({ name, expensive }: Body) => [name, expensive])).toEqual([
      ['Locals', false],
      ['Globals', false],
    ]);
    expect(values(await debug.scope('Globals'))).toMatchObject({ look: '[Function: look]' });
  });

  test('of names end when the code runs on', async () => {
    const other = startLab();
    const client = new DebugClient(other);
    await client.start();
    const text = 'let a = [1];\na = [2];\na = [3];';
    await client.breakAt(text, 2, 3);
    const running = other.start(text);
    await client.stopped();
    const { a } = await client.scope('Locals');
    const old = (await client.body('stackTrace', { threadId: 1 })).stackFrames[0].id;
    await client.body('continue', { threadId: 1 });
    await client.stopped();
    expect(await client.refusal('variables', { variablesReference: a.variablesReference })).toBe(
      `there is no variablesReference ${a.variablesReference}. Ask for the scopes again: references end when the code runs on.`,
    );
    expect(await client.refusal('scopes', { frameId: old })).toBe(
      `there is no frame ${old}. Ask for the stackTrace again: frames are numbered anew at each stop.`,
    );
    await client.body('continue', { threadId: 1 });
    await running.ended;
    await other.close();
  });
});

describe('an expression', () => {
  test('is TypeScript, in the frame that is named', async () => {
    expect(await evaluate('(depth as number) + list.length')).toMatchObject({ result: '4', type: 'number' });
    expect(await evaluate('{ a: depth }')).toMatchObject({ result: '{ a: 1 }', type: 'Object' });
    const { stackFrames } = await debug.body('stackTrace', { threadId: 1 });
    expect(await evaluate('outer.where', { frameId: stackFrames[1].id })).toMatchObject({ result: "'outside'" });
    expect(await evaluate('million')).toMatchObject({ indexedVariables: 1_000_000 });
  });

  test('that fails says how: what it threw, what does not parse, what takes too long', async () => {
    const refusal = (expression: string) => debug.refusal('evaluate', { expression, frameId, context: 'repl' });
    expect(await refusal('nowhere')).toBe(
      'ReferenceError: nowhere is not defined. Correct the expression, or look at the values it uses.',
    );
    expect(await refusal('tensor.broken')).toMatch(/^RangeError: no value\. /);
    expect(await refusal('1 +')).toMatch(/Correct the expression\.$/);
    expect(await refusal('outer = 1')).toMatch(/^TypeError: Assignment to constant variable\. /);
    expect(await debug.refusal('evaluate', { expression: '1', frameId: 99_999 })).toMatch(
      /^there is no frame 99999\. /,
    );
  });

  test('under the mouse has no effect on the program', async () => {
    expect(await evaluate('depth + 1', { context: 'hover' })).toMatchObject({ result: '2' });
    expect(await debug.refusal('evaluate', { expression: 'depth++', frameId, context: 'hover' })).toMatch(
      /^EvalError: Possible side-effect in debug-evaluate/,
    );
    expect((await evaluate('depth')).result).toBe('1');
  });

  test('sets variables, by name, by property and by expression', async () => {
    const { scopes } = await debug.body('scopes', { frameId });
    const inScope = { variablesReference: scopes[0].variablesReference };
    expect(await debug.body('setVariable', { ...inScope, name: 'depth', value: '40 + 2' })).toEqual({
      value: '42',
      type: 'number',
      variablesReference: 0,
    });
    expect((await evaluate('fn(0)')).result).toBe('42');
    const { list } = await locals();
    const inList = { variablesReference: list.variablesReference };
    expect(await debug.body('setVariable', { ...inList, name: '1', value: '{ two: 2 }' })).toMatchObject({
      value: '{ two: 2 }',
    });
    expect((await evaluate('list[1].two')).result).toBe('2');
    await debug.body('setExpression', { expression: 'tensor.shape[0]', value: '3', frameId });
    expect((await evaluate('tensor.size')).result).toBe('6');
    expect(await debug.refusal('setVariable', { ...inList, name: 'nowhere', value: '1' })).toMatch(
      /there is no variable nowhere to set/,
    );
    await debug.body('setVariable', { ...inScope, name: 'depth', value: '1' });
  });

  test('shows a variable rich, and copies it where all cells see it, typed', async () => {
    expect(await debug.body('richInspectVariables', { variableName: 'list', frameId })).toEqual({
      data: { 'text/plain': expect.stringMatching(/^\[/) },
      metadata: {},
    });
    const copied = { srcVariableName: 'tensor', dstVariableName: 'kept', srcFrameId: frameId };
    expect(await debug.body('copyToGlobals', copied)).toMatchObject({ type: 'Tensor' });
    expect(values(await debug.scope('Globals')).kept).toMatch(/^Tensor/);
    expect(await debug.refusal('copyToGlobals', { ...copied, dstVariableName: 'no name' })).toMatch(
      /^"no name" is no name\. /,
    );
  });
});
