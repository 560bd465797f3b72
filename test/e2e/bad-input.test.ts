// Bad input in cells: each gives an error with code, cause and remedy; the kernel and the agent go on.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notebookOf, printed, root, type StoredNotebook, Workplace } from './npulab.js';

const tiny = join(root, 'quant/models/tiny');

/** A copy of the default model with its weights changed by `change`. */
function damagedModel(place: Workplace, name: string, change: (bytes: Buffer) => Buffer): void {
  const folder = place.path(name);
  mkdirSync(folder);
  for (const file of ['config.json', 'tokenizer.model'])
    writeFileSync(join(folder, file), readFileSync(join(tiny, file)));
  writeFileSync(join(folder, 'model.safetensors'), change(readFileSync(join(tiny, 'model.safetensors'))));
}

/** Rewrites the safetensors header, keeping the data. */
const withHeader = (edit: (header: string) => string) => (bytes: Buffer) => {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = Buffer.from(edit(bytes.subarray(8, 8 + length).toString('utf8')));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([size, header, bytes.subarray(8 + length)]);
};

const cells = {
  connect: 'const board = await lab.connect();',
  'no-such-path': "await lab.models.open('no/such/folder')",
  'not-a-model': "await lab.models.open('text.txt')",
  truncated: "await lab.models.open('truncated')",
  dtype: "await lab.models.open('dtype')",
  shape: "await lab.models.open('shape')",
  address: "await lab.connect('ftp://board')",
  refused: "await lab.connect('tcp://127.0.0.1:1', { timeoutMs: 5000 })",
  'agent-missing': "process.env.NPULAB_AGENT = '/nowhere/npulabd'; await lab.connect()",
  'agent-version': "process.env.NPULAB_AGENT = lab.path('old-agent'); await lab.connect()",
  'task-shape':
    "const a = await board.memory.allocate(64); await board.tasks.submit({ kind: 'matmulInt8', m: 1, k: 4096, n: 16, a: { buffer: a }, b: { buffer: a }, c: { buffer: a } })",
  freed: 'await a.free(); await a.read()',
  types: "const n: number = 'text';",
  syntax: 'const = 1;',
  throws: "throw new TypeError('mine', { cause: new Error('root') });",
  'goes-on':
    'const buffer = await board.memory.allocate(4); await buffer.write(Uint8Array.of(1, 2, 3, 4)); [...(await buffer.read())].join()',
};

describe('bad input in a cell', () => {
  const place = new Workplace();
  afterAll(() => place[Symbol.dispose]());
  let notebook: StoredNotebook;

  beforeAll(async () => {
    place.write('text.txt', 'just text');
    damagedModel(place, 'truncated', (bytes) => bytes.subarray(0, bytes.length - 1000));
    damagedModel(
      place,
      'dtype',
      withHeader((header) => header.replace('"dtype":"BF16"', '"dtype":"I16"')),
    );
    damagedModel(
      place,
      'shape',
      withHeader((header) => header.replace('[512,128]', '[128,512]')),
    );
    const ready = {
      npulabd: 1,
      listen: 'tcp://127.0.0.1:1',
      version: '9.0.0',
      protocol: { min: 9, current: 9 },
      bootId: '0000000000000000',
      backend: 'sim:rk3568',
      log: '',
    };
    chmodSync(place.write('old-agent', `#!/bin/sh\necho '${JSON.stringify(ready)}'\nexec sleep 20\n`), 0o755);
    const run = await place.npulab(['run', place.write('bad.ipynb', notebookOf(cells)), '-o', place.path('out.ipynb')]);
    expect(run.stderr).not.toContain('state is lost');
    notebook = JSON.parse(place.read('out.ipynb'));
  }, 120_000);

  it.each([
    ['no-such-path', 'model.not-found'],
    ['not-a-model', 'model.not-a-model'],
    ['truncated', 'model.damaged-safetensors'],
    ['dtype', 'model.wrong-dtype'],
    ['shape', 'model.wrong-shape'],
    ['address', 'board.unknown-address'],
    ['refused', 'board.connect-refused'],
    ['agent-missing', 'board.agent-missing'],
    ['agent-version', 'board.agent-version'],
    ['task-shape', 'board.bad-argument'],
    ['freed', 'staleHandle'],
  ])('%s says %s, and what to do', (id, code) => {
    const text = printed(notebook, id);
    expect(text).toContain(`code: ${code}`);
    expect(text).toMatch(/remedy: \S.{10,}/);
    expect(text).toMatch(/ at \(cell \d+, line 1:\d+\)$/m);
  });

  it('types: names code, line and column as typed, and runs nothing', () => {
    const text = printed(notebook, 'types');
    expect(text).toContain('TS2322');
    expect(text).toContain('1:7');
  });

  it('syntax: stops before running', () => {
    expect(notebook.cells.find((cell) => cell.id === 'syntax')?.outputs?.[0]?.ename).toMatch(/Syntax|Type/);
  });

  it('throws: shows the error with its cause', () => {
    const text = printed(notebook, 'throws');
    expect(text).toContain('TypeError: mine');
    expect(text).toContain('root');
  });

  it('leaves the kernel and the agent at work', () => {
    expect(printed(notebook, 'goes-on')).toContain('1,2,3,4');
  });
});
