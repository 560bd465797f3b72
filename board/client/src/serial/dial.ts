/**
 * From a port to a place on its line: joins the bridge that has the port, or starts one. Knows processes, sockets and lock files;
 * refuses to know PDUs. Boards on TCP never load the native part of `serialport`, and neither does this process.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BoardError, fromPortable, type PortableError } from '../errors.js';
import { socketTransport } from '../transport/tcp.js';
import type { Transport } from '../transport/transport.js';
import type { FrameLine } from '../uart/frame-line.js';
import { BridgeLine, bridgeGone } from './bridge-line.js';
import { holderOf } from './lock.js';

/** How long a bridge keeps a port that nobody uses: long enough for a kernel that starts again. */
const defaultGraceMs = 2_000;
/** How often a bridge may turn out to be one that is just ending. */
const mostTries = 5;

/** A place on the line of `path` at `baud`, 8N1, raw. Fails with `board.serial-…`. */
export function dialSerial(
  path: string,
  baud: number,
  graceMs = defaultGraceMs,
): (signal: AbortSignal) => Promise<FrameLine> {
  const joining = { path, baud, pid: process.pid, what: commandLine() };
  return async (signal) => {
    for (let tries = 0; tries < mostTries; tries += 1) {
      signal.throwIfAborted();
      const holder = holderOf(path);
      const socket = holder && (await joined(holder.socket));
      if (!socket) {
        await startBridge(path, baud, graceMs, signal);
        continue;
      }
      const line = new BridgeLine(socket, joining);
      try {
        await line.opened(signal);
        return line;
      } catch (error) {
        if (error !== bridgeGone) throw error;
      }
    }
    throw new BoardError('board.serial-busy', `${path} is in use by a program that is no bridge`, { fields: { path } });
  };
}

/** What this process was started as; a thread's `process.argv` names the thread. */
function commandLine(): string {
  try {
    return readFileSync('/proc/self/cmdline', 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return process.title;
  }
}

/** Null where nobody listens there any more. */
function joined(socketPath: string): Promise<Transport | null> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('error', () => resolve(null));
    socket.once('connect', () => resolve(socketTransport(socket)));
  });
}

/** The compiled entry, also where this file itself runs as source under a test. */
function entry(): string {
  const beside = fileURLToPath(new URL('./main.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/serial/main.js', import.meta.url));
}

/** Starts a bridge in a process group of its own, so that it outlives this program; settles once it has the port, or cannot have it. */
async function startBridge(path: string, baud: number, graceMs: number, signal: AbortSignal): Promise<void> {
  const child = spawn(process.execPath, [entry(), path, String(baud), String(graceMs)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  child.unref();
  const lines = createInterface({ input: child.stdio[3] as unknown as Readable });
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    lines.once('line', (line) => {
      const failure = JSON.parse(line) as PortableError | Record<string, never>;
      if ('code' in failure) reject(fromPortable(failure as PortableError));
      else resolve();
    });
    const gone = (why: string) =>
      reject(new BoardError('board.serial-unavailable', `The process for ${path} did not start: ${why}`));
    child.once('error', (cause) => gone(cause.message));
    child.once('exit', (status) => gone(`it ended with status ${status}`));
  }).finally(() => lines.close());
}
