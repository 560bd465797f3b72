/**
 * What VS Code's Jupyter extension says to a kernel, in its order: the editor itself is not run here. It starts the
 * kernelspec's command, asks who is there on both channels, executes silently behind the user's back, puts its own metadata
 * into requests, completes and inspects while cells run, interrupts by message, and restarts by a shutdown that says so.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kinds } from '../protocol/front-end.js';
import { RealKernel } from './real-kernel.js';

let kernel: RealKernel;
beforeAll(async () => {
  kernel = await RealKernel.start({ env: { JPY_PARENT_PID: `${process.pid}`, FORCE_COLOR: '1', VSCODE_PID: '1' } });
});
afterAll(() => kernel[Symbol.dispose]());

const uri = 'vscode-notebook-cell:/home/user/book.ipynb#W0sZmlsZQ%3D%3D';
const metadata = { cellId: uri, vscode: { cellIndex: 0, languageId: 'typescript' }, trusted: true, deletedCells: [] };

test('it is asked who it is on both channels, before anything else and again', async () => {
  for (const channel of ['shell', 'control', 'shell'] as const) {
    expect(await kernel.ask(channel, 'kernel_info_request')).toMatchObject({
      ...{ status: 'ok', language_info: { name: 'typescript', file_extension: '.ts' } },
    });
  }
});

test('cells that run behind the back of the user leave no number, no history and no result', async () => {
  const silent = { silent: false, store_history: false, allow_stdin: false, stop_on_error: true, user_expressions: {} };
  const hidden = await kernel.run('process.cwd()', { ...silent, silent: true });
  expect(hidden.kinds).toEqual(['status:busy', 'status:idle']);
  expect((await kernel.run('1', silent)).reply.execution_count).toBe(1);
  const { history } = await kernel.ask('shell', 'history_request', { hist_access_type: 'tail', n: 10, raw: true });
  expect(history).toEqual([]);
});

test('text that is no TypeScript, as its start-up code for Python is, is an error of that request alone', async () => {
  const python = '%matplotlib inline\nimport os as _VSCODE_os\n_VSCODE_os.chdir("/")\ndel _VSCODE_os';
  expect((await kernel.run(python, { silent: true, store_history: false })).reply.status).toBe('error');
  expect((await kernel.run('40 + 2', {}, metadata)).result['text/plain']).toBe('42');
});

test('a cell under its own id replaces its text, and its outputs have no colours though the editor forces them', async () => {
  await kernel.run('const shown: number = 1;', {}, metadata);
  await kernel.run('const shown: string = "one";', {}, metadata);
  const { result, stdout } = await kernel.run('console.log({ a: 1 }); shown', {}, { ...metadata, cellId: `${uri}2` });
  expect([result['text/plain'], stdout]).toEqual(["'one'", '{ a: 1 }\n']);
});

test('completion and inspection are answered while a cell spins; the interrupt comes as a message', async () => {
  const id = await kernel.front.execute('console.log("on"); while (true) {}', {}, { ...metadata, cellId: `${uri}3` });
  await kernel.iopub(({ header }) => header.msg_type === 'stream');
  const completion = await kernel.ask('shell', 'complete_request', { code: 'shown.toUpperC', cursor_pos: 14 });
  expect(completion.matches).toEqual(['toUpperCase']);
  const inspection = await kernel.ask('shell', 'inspect_request', { code: 'shown', cursor_pos: 2, detail_level: 0 });
  expect(inspection.data['text/markdown']).toContain('shown: string');
  expect(await kernel.ask('control', 'interrupt_request')).toEqual({ status: 'ok' });
  expect((await kernel.ended(id)).reply.ename).toBe('Interrupted');
});

test('the target of its variable viewer is unknown and closed, and comm_info lists nothing of it', async () => {
  const comm = { comm_id: 'v', target_name: 'vscode_variables', data: {} };
  const iopub = await kernel.front.until(await kernel.front.send('shell', 'comm_open', comm));
  expect(kinds(iopub)).toEqual(['status:busy', 'comm_close', 'status:idle']);
  expect(await kernel.ask('shell', 'comm_info_request', { target_name: 'jupyter.widget' })).toEqual({
    ...{ status: 'ok', comms: {} },
  });
});

test('a restart is a shutdown that says so, answered before the process ends', async () => {
  const ended = new Promise((done) => kernel.process.once('exit', done));
  expect(await kernel.ask('control', 'shutdown_request', { restart: true })).toEqual({ status: 'ok', restart: true });
  expect(await ended).toBe(0);
});
