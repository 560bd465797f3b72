/**
 * A kernel of our own as a child process, over ipc in a private folder: no ports, so no race for them. It has its own
 * process group, so that a Ctrl-C in the terminal reaches the runner alone, which then interrupts the kernel once.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Connection, parseConnection } from '../../protocol/index.js';
import { RunnerError } from './errors.js';

/** Command of the kernel; `{connection_file}` is replaced. */
export const kernelCommand: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('../../../bin/npulab.js', import.meta.url)),
  'kernel',
  '{connection_file}',
];

/** Text of stderr that is kept for the error message. */
const keptStderr = 8000;

/** A started kernel. */
export interface KernelProcess {
  readonly connection: Connection;
  /** Rejects with `runner.kernel-died` or `runner.kernel-start-failed` when the process ends by itself; else pending. */
  readonly died: Promise<never>;
  /** Waits for the process to end; kills it after the time. Removes the private folder. */
  end(graceMs: number): Promise<void>;
}

/**
 * Starts a kernel in a folder. Its stdout and stderr are not the notebook's: they go into errors only. `logFile` names the
 * log of a kernel by its process id, for the error text.
 */
export async function startKernel(
  folder: string,
  command: readonly string[],
  { logFile, keepsHistory = false }: { logFile?: (pid: number) => string; keepsHistory?: boolean } = {},
): Promise<KernelProcess> {
  const home = await mkdtemp(join(tmpdir(), 'npulab-run-'));
  const file = {
    transport: 'ipc',
    ip: join(home, 'kernel'),
    key: randomBytes(32).toString('hex'),
    signature_scheme: 'hmac-sha256',
    shell_port: 1,
    iopub_port: 2,
    stdin_port: 3,
    control_port: 4,
    hb_port: 5,
  };
  const path = join(home, 'connection.json');
  await writeFile(path, JSON.stringify(file), { mode: 0o600 });
  const [program, ...args] = command.map((word) => (word === '{connection_file}' ? path : word)) as [string];
  // What a notebook's cells are is in the notebook; the history is for what somebody typed.
  const env = { ...process.env, ...(keepsHistory ? {} : { NPULAB_HISTORY: 'off' }) };
  const child = spawn(program, args, { cwd: folder, detached: true, stdio: ['ignore', 'ignore', 'pipe'], env });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-keptStderr);
  });
  let ending = false;
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const died = new Promise<never>((_, reject) => {
    child.once('error', (cause) => {
      reject(new RunnerError('runner.kernel-start-failed', `cannot start ${program}`, { cause }));
    });
    child.once('close', (code, signal) => {
      if (ending) return;
      const how = signal ? `by ${signal}` : `with status ${code}`;
      const log = logFile && child.pid !== undefined ? ` (log: ${logFile(child.pid)})` : '';
      const text = stderr.trim();
      reject(new RunnerError('runner.kernel-died', `the kernel ended ${how}${log}${text === '' ? '' : `:\n${text}`}`));
    });
  });
  died.catch(() => {});
  return {
    connection: parseConnection(file),
    died,
    async end(graceMs) {
      ending = true;
      const timer = setTimeout(() => kill(child), graceMs);
      await ended;
      clearTimeout(timer);
      await rm(home, { recursive: true, force: true });
    },
  };
}

function kill(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
