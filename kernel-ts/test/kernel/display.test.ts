/** Display, output and what a cell sees (DI, OU, LA9, ST14 of the acceptance list), through the sockets. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RealKernel } from './real-kernel.js';

let kernel: RealKernel;
beforeAll(async () => {
  kernel = await RealKernel.start();
});
afterAll(() => kernel[Symbol.dispose]());

const png = 'iVBORw0KGgo=';

test.each([
  ['{ "text/html": "<i>x</i> y" }', { 'text/html': '<i>x</i> y', 'text/plain': 'x y' }],
  ['{ "text/markdown": "*x*" }', { 'text/markdown': '*x*', 'text/plain': '*x*' }],
  ['{ "text/latex": "$x^2$" }', { 'text/latex': '$x^2$', 'text/plain': '$x^2$' }],
  ['{ "image/svg+xml": "<svg/>" }', { 'image/svg+xml': '<svg/>', 'text/plain': '[image/svg+xml]' }],
  [
    '{ "application/json": { a: [1, null] } }',
    { 'application/json': { a: [1, null] }, 'text/plain': '[application/json]' },
  ],
  [`{ "image/png": "${png}" }`, { 'image/png': png, 'text/plain': '[image/png]' }],
  ['{ "image/jpeg": Uint8Array.of(255, 216, 255) }', { 'image/jpeg': '/9j/', 'text/plain': '[image/jpeg]' }],
  [
    '{ "text/html": "<b>1</b>", "text/markdown": "**1**", "text/plain": "one" }',
    { 'text/html': '<b>1</b>', 'text/markdown': '**1**', 'text/plain': 'one' },
  ],
])('the bundle %s is displayed, with plain text in it', async (bundle, data) => {
  expect((await kernel.run(`display(${bundle})`)).displays).toEqual([{ data, metadata: {}, transient: {} }]);
});

test('a display is updated by its id, in its own cell and from a later one', async () => {
  const first = await kernel.run(
    'display(md`a`, { displayId: "same" }); display(md`b`, { displayId: "same", update: true })',
  );
  expect(first.kinds.slice(2, -1)).toEqual(['display_data', 'update_display_data']);
  const later = await kernel.run('display(md`c`, { displayId: "same", update: true })');
  const shown = [...first.displays, ...later.displays];
  expect(shown.map(({ data, transient }) => [data['text/markdown'], transient])).toEqual(
    ['a', 'b', 'c'].map((text) => [text, { display_id: 'same' }]),
  );
});

test('a display gives a handle that replaces it from a later cell, and no two share a name', async () => {
  const first = await kernel.run(
    'const live = display(md`1`, { displayId: true }); const other = display(0, { displayId: true })',
  );
  const later = await kernel.run('await live.update(md`2`); live.update([1, 2]); live.displayId === other.displayId');
  const [live, other, ...updates] = [...first.displays, ...later.displays];
  expect(later.kinds.filter((kind) => kind === 'update_display_data').length).toBe(2);
  expect(live.transient.display_id).toMatch(/^npulab-display-[0-9a-f]{8}-1$/);
  expect(updates.map(({ data, transient }) => [data['text/plain'], transient])).toEqual(
    ['2', '[ 1, 2 ]'].map((text) => [text, live.transient]),
  );
  expect([later.result['text/plain'], other.data['text/plain']]).toEqual(['false', '0']);
  expect((await kernel.run('display("awaited as the last value", { displayId: true })')).result).toBeUndefined();
});

test('an object that shows itself is a rich result, also when it takes its time', async () => {
  const own = (method: string) => `({ ${method} { return { 'text/html': '<p>own</p>' } } })`;
  for (const method of ['[Symbol.for("Jupyter.display")]()', 'async [Symbol.for("Jupyter.display")]()']) {
    expect((await kernel.run(own(method))).result).toEqual({ 'text/html': '<p>own</p>', 'text/plain': 'own' });
  }
});

test.each([
  ['html`<b>x</b>`', 'text/html'],
  ['svg`<svg/>`', 'image/svg+xml'],
  ['md`# x`', 'text/markdown'],
  ['[{ a: 1, b: "x" }, { a: 2, b: "y" }]', 'text/html'],
  ['Float32Array.of(1, 2)', 'text/html'],
  ['({ data: Float64Array.of(1, 2, 3, 4), shape: [2, 2], stride: [2, 1], offset: 0 })', 'text/html'],
  ['({ outerHTML: "<b>element</b>" })', 'text/html'],
  [`({ toDataURL: () => "data:image/png;base64,${png}" })`, 'image/png'],
  ['Uint8Array.of(0x89, 0x50, 0x4e, 0x47)', 'image/png'],
  [
    '({ toSpec: () => ({ mark: "point", data: { values: [{ x: 1 }] }, encoding: { x: { field: "x", type: "quantitative" } } }) })',
    'application/vnd.vegalite.v5+json',
  ],
])('the value %s has a rich form and plain text', async (code, mime) => {
  const { result, reply } = await kernel.run(code);
  expect(reply.status).toBe('ok');
  expect(Object.keys(result)).toEqual(expect.arrayContaining([mime, 'text/plain']));
});

test('a display that throws shows plain text and the error, and the cell does not fail', async () => {
  const broken = '({ kept: 7, [Symbol.for("Jupyter.display")]() { throw new Error("cannot draw") } })';
  for (const code of [broken, `display(${broken})`]) {
    const { reply, result, displays } = await kernel.run(code);
    expect(reply.status).toBe('ok');
    const text = (result ?? displays[0].data)['text/plain'];
    expect(text).toContain('kept: 7');
    expect(text).toContain('[its display failed: Error: cannot draw]');
  }
});

test('a bundle that cannot be sent shows what is wrong with it instead of vanishing', async () => {
  const code =
    'const loop: Record<string, unknown> = {}; loop.self = loop; display({ "application/json": loop, "text/plain": "p" }); display({ "application/json": 10n }, { raw: true })';
  const { reply, displays } = await kernel.run(code);
  expect(reply.status).toBe('ok');
  expect(displays.map(({ data }) => data)).toEqual([
    { 'text/plain': 'p\n[application/json cannot be shown: TypeError: Converting circular structure to JSON]' },
    { 'text/plain': '[application/json cannot be shown: TypeError: Do not know how to serialize a BigInt]' },
  ]);
});

test('progress is one display that is updated, and its end is shown', async () => {
  const ran = await kernel.run(
    'const p = progress("copy", 1000); for (let i = 0; i <= 1000; i++) p.update(i); p.done()',
  );
  const { displays, kinds } = ran;
  expect(kinds.filter((kind) => kind === 'display_data').length).toBe(1);
  expect(new Set(displays.map(({ transient }) => transient.display_id)).size).toBe(1);
  expect(displays.at(-1).data['text/plain']).toBe('copy · done · 1 000');
  expect(displays.length).toBeLessThan(12);
});

test('clear_output goes out with and without wait, in its place', async () => {
  const ran = await kernel.run('console.log(1); kernel.clearOutput(true); console.log(2); kernel.clearOutput()');
  const middle = ran.iopub.slice(2, -1).map(({ header, content }) => content.text ?? [header.msg_type, content.wait]);
  expect(middle).toEqual(['1\n', ['clear_output', true], '2\n', ['clear_output', false]]);
});

test('output of a timer belongs to the cell that set it, also while another cell runs', async () => {
  const first = await kernel.run(
    'let go = () => {}; void new Promise<void>((done) => { go = done }).then(() => console.log("late")); 0',
  );
  const second = await kernel.front.execute(
    'go(); await new Promise((done) => setTimeout(done, 20)); console.log("mine")',
  );
  const messages = await kernel.front.until(second);
  await kernel.front.receive('shell');
  const streams = messages.filter(({ header }) => header.msg_type === 'stream');
  expect(streams.map(({ parent, content }) => [parent.msg_id, content.text])).toEqual([
    [first.id, 'late\n'],
    [second, 'mine\n'],
  ]);
});

test('every global of Node is there and typed', async () => {
  const names = (await kernel.run('Object.getOwnPropertyNames(globalThis).join()')).result['text/plain'];
  const known = Object.getOwnPropertyNames(globalThis).filter((name) => names.includes(name) && /^[A-Z]/.test(name));
  expect(known).toEqual(expect.arrayContaining(['WebAssembly', 'Buffer', 'Performance', 'SubtleCrypto', 'URL']));
  const ran = await kernel.run(
    `${known.join('; ')}; process; fetch; console; performance; crypto; require; structuredClone`,
  );
  expect(ran.reply).toMatchObject({ status: 'ok' });
});

test('a module of a data: URL is imported like any other', async () => {
  const ran = await kernel.run("const { seven } = await import('data:text/javascript,export const seven = 7'); seven");
  expect(ran.result).toEqual({ 'text/plain': '7' });
});

test('a WebAssembly module is compiled, started and called, typed', async () => {
  const bytes =
    '0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11';
  const code = `const module = new WebAssembly.Module(Uint8Array.of(${bytes}));
const { exports } = new WebAssembly.Instance(module);
const add: (a: number, b: number) => number = exports.add;
[add(20, 22), WebAssembly.Module.exports(module)[0]?.name]`;
  expect((await kernel.run(code)).result['text/plain']).toBe("[ 42, 'add' ]");
});

test('banner and versions name the kernel, TypeScript and Node', async () => {
  const info = await kernel.ask('control', 'kernel_info_request');
  const { versions } = info;
  expect(versions).toEqual({ kernel: info.implementation_version, typescript: '7.0.2', node: process.versions.node });
  for (const version of Object.values(versions)) expect(info.banner).toContain(version);
  expect((await kernel.run('JSON.stringify(kernel.versions)')).result['text/plain']).toBe(
    `'${JSON.stringify(versions)}'`,
  );
});
