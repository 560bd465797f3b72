/**
 * Starts an agent of our own and ends it. Knows processes; refuses to know the link. Surprising: the agent lives exactly
 * as long as the pipe to its stdin. This process holds the only other end, so however it dies, the agent ends too.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BoardError } from '../errors.js';
import { findAgent } from './find.js';
import { parseReadyLine, type ReadyLine } from './ready-line.js';

/** What to start. */
export interface LaunchOptions {
  backend: string;
  agentPath?: string | undefined;
  logFolder?: string | undefined;
  storeFolder?: string | undefined;
  memoryMib?: number | undefined;
}

/** An agent that runs. */
export interface LaunchedAgent {
  ready: ReadyLine;
  logFile: string;
  /** Settles when the process has ended: how, in words. */
  exited: Promise<string>;
  /** Closes its stdin and waits; after `graceMs` its process group is killed. */
  stop(graceMs: number): Promise<void>;
}

const outputLimit = 4096;
let launches = 0;

/** Starts it and waits for its first line. Fails with `board.agent-…` or the signal's reason; nothing stays behind then. */
export async function launchAgent(options: LaunchOptions, signal: AbortSignal): Promise<LaunchedAgent> {
  signal.throwIfAborted();
  const path = findAgent(options.agentPath);
  const folder = options.logFolder ?? tmpdir();
  mkdirSync(folder, { recursive: true });
  launches += 1;
  const logFile = join(folder, `npulabd-${process.pid}-${launches}.log`);
  const args = [
    '--listen',
    'tcp://127.0.0.1:0',
    '--backend',
    options.backend,
    '--until-stdin-closes',
    '--log',
    logFile,
  ];
  if (options.storeFolder !== undefined) args.push('--store', options.storeFolder);
  if (options.memoryMib !== undefined) args.push('--memory-mib', String(options.memoryMib));
  const child = spawn(path, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  let errorText = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errorText = (errorText + text).slice(-outputLimit);
  });
  let code: number | null = null;
  const exited = new Promise<string>((resolve) => {
    child.once('close', (exitCode, killedBy) => {
      code = exitCode;
      resolve(killedBy ? `it was ended by ${killedBy}` : `it ended with status ${exitCode}`);
    });
  });
  const stop = async (graceMs: number) => {
    child.stdin.end();
    await endedWithin(child, exited, graceMs);
    if (code === 0 && options.logFolder === undefined) rmSync(logFile, { force: true });
  };
  try {
    const ready = parseReadyLine(await firstLine(child, exited, signal, path, logFile, () => errorText));
    return { ready, logFile, exited, stop };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

function firstLine(
  child: ChildProcess,
  exited: Promise<string>,
  signal: AbortSignal,
  path: string,
  logFile: string,
  errorText: () => string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onAbort = () => settle(() => reject(signal.reason));
    const settle = (finish: () => void) => {
      signal.removeEventListener('abort', onAbort);
      child.stdout!.off('data', onData).resume();
      finish();
    };
    const onData = (piece: string) => {
      text += piece;
      const end = text.indexOf('\n');
      if (end >= 0) settle(() => resolve(text.slice(0, end)));
      else if (text.length > outputLimit) settle(() => resolve(text));
    };
    signal.addEventListener('abort', onAbort);
    child.stdout!.setEncoding('utf8').on('data', onData);
    child.once('error', (cause) =>
      settle(() =>
        reject(
          new BoardError('board.agent-start-failed', `Cannot start ${path}: ${cause.message}`, {
            cause,
            fields: { path },
          }),
        ),
      ),
    );
    exited.then((how) =>
      settle(() => {
        const output = errorText().trim() || text.trim();
        const first = output.split('\n')[0] ?? '';
        const message = `The agent did not start: ${how}${first ? `: ${first}` : ''}`;
        reject(new BoardError('board.agent-start-failed', message, { fields: { path, output, logFile } }));
      }),
    );
  });
}

/** Waits for the end, then makes it so. */
async function endedWithin(child: ChildProcess, exited: Promise<string>, graceMs: number): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, graceMs, 'late');
  });
  const outcome = await Promise.race([exited, patience]);
  clearTimeout(timer);
  if (outcome !== 'late') return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It ended in between: there is no such group any more.
  }
  await exited;
}
