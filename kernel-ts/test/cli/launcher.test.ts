/** What the launcher starts: the bundle of a build, or the modules that were compiled after it. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RealKernel } from '../kernel/real-kernel.js';

const { bundle } = (await import(new URL('../../../scripts/bundle.mjs', import.meta.url).href)) as {
  bundle: (folder: string) => Promise<void>;
};
const kernelTs = fileURLToPath(new URL('../..', import.meta.url));
/** Below the package, so that its packages are found. */
const folder = mkdtempSync(join(kernelTs, 'dist/launched-'));
const launcher = join(folder, 'bin/npulab.js');
mkdirSync(dirname(launcher));
copyFileSync(join(kernelTs, 'bin/npulab.js'), launcher);
afterAll(() => rmSync(folder, { recursive: true }));

describe('the launcher', () => {
  const place = (file: string, seconds: number): void => {
    const path = join(folder, 'dist', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `export const main = () => { console.log(${JSON.stringify(file)}); return 3; };`);
    utimesSync(path, seconds, seconds);
  };
  const launched = () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [launcher, 'any'], { encoding: 'utf8' });
    return [stdout.trim() || stderr.trim(), status];
  };
  afterAll(() => rmSync(join(folder, 'dist'), { recursive: true }));

  test('says what to do where nothing is built', () => {
    expect(launched()).toEqual(['npulab: not built yet. Run "npm run build" in the repository first.', 2]);
  });

  test('starts the bundle unless something was compiled after it', () => {
    place('cli/main.js', 10);
    place('.tsbuildinfo', 10);
    expect(launched()).toEqual(['cli/main.js', 3]);
    place('bundle/cli-main.js', 20);
    expect(launched()).toEqual(['bundle/cli-main.js', 3]);
    place('.tsbuildinfo', 30);
    expect(launched()).toEqual(['cli/main.js', 3]);
    place('bundle/cli-main.js', 30);
    expect(launched()).toEqual(['bundle/cli-main.js', 3]);
  });
});

describe('a kernel of the bundle', () => {
  let kernel: RealKernel;
  beforeAll(async () => {
    await bundle(join(folder, 'dist/bundle'));
    kernel = await RealKernel.start({ launcher });
  });
  afterAll(() => kernel?.[Symbol.dispose]());

  test('has the files of each process, and no other module of the package in them', () => {
    const files = readdirSync(join(folder, 'dist/bundle'));
    for (const name of ['cli-main', 'engine-child-main', 'engine-child-worker', 'cli-cell-globals'])
      expect(files).toContain(`${name}.js`);
    const { stdout } = spawnSync(process.execPath, [launcher, '--version'], { encoding: 'utf8' });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('checks, runs and completes cells with the names of the lab', async () => {
    expect((await kernel.run('const found: Function = lab.connect; html`<b>two</b>`')).result).toEqual({
      'text/html': '<b>two</b>',
      'text/plain': expect.any(String),
    });
    expect((await kernel.run('lab.conect')).reply).toMatchObject({ ename: 'TypeCheckError' });
    const code = 'lab.traceT';
    const completed = await kernel.ask('shell', 'complete_request', { code, cursor_pos: code.length });
    expect(completed.matches).toEqual(['traceTable']);
    expect((await kernel.run("import { display } from 'tslab'; typeof display.html")).result['text/plain']).toBe(
      "'function'",
    );
  });

  test('imports local files and the package’s own data, and shows no line of itself in an error', async () => {
    kernel.write('own.ts', 'export const twice = (n: number): number => 2 * n;');
    expect((await kernel.run("import { twice } from './own.ts'; twice(21)")).result['text/plain']).toBe('42');
    expect((await kernel.run("(await lab.models.open('tiny')).name")).result['text/plain']).toBe("'tiny'");
    const { traceback } = (await kernel.run("[1].map(() => { throw new Error('mine') })")).reply;
    expect(traceback).toEqual(['Error: mine', '    at (cell 6, line 1:23)', '    at (cell 6, line 1:5)']);
  });

  test('has one byte for each character, and says what was written', async () => {
    const texts = readdirSync(join(folder, 'dist/bundle')).map((file) =>
      readFileSync(join(folder, 'dist/bundle', file), 'latin1'),
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what ASCII is
    expect(texts.filter((text) => /[^\x00-\x7f]/.test(text))).toEqual([]);
    expect((await kernel.run('const page = <b>1</b>')).reply.traceback).toContain(
      'remedy: Cells are TypeScript without JSX: write markup as html`…` or svg`…`. Nothing of the cell has run.',
    );
  });

  test('stops an endless loop', async () => {
    const id = await kernel.front.execute('console.log("spins"); while (true) {}');
    await kernel.iopub(({ header }) => header.msg_type === 'stream');
    await kernel.front.send('control', 'interrupt_request');
    expect((await kernel.front.receive('shell')).content).toMatchObject({ status: 'error', ename: 'Interrupted' });
    await kernel.front.until(id);
  });
});
