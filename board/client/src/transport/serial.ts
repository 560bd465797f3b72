/**
 * Serial ports. Knows the process that owns one (`serial/main.ts`); refuses to know PDUs. Surprising: the port is raw and exclusive
 * as soon as it is open; a pseudo-terminal is a port like any other; boards on TCP never load the native part.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BoardError, fromPortable, type PortableError } from '../errors.js';
import type { Dial, Transport } from './transport.js';

type PortProcess = ChildProcessByStdio<Writable, Readable, null>;

/** Opens `path` at `baud`, 8N1, raw, exclusive. Fails with `board.serial-…`. */
export function dialSerial(path: string, baud: number): Dial {
  return async (signal) => {
    signal.throwIfAborted();
    const holder = `${process.argv[1] ?? process.title} (process ${process.pid})`;
    const child = spawn(process.execPath, [entry(), path, String(baud), holder], {
      stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
    }) as unknown as PortProcess;
    child.stdin.on('error', () => undefined);
    const end = () => child.stdin.destroy();
    try {
      await opened(child, path, signal);
    } catch (error) {
      end();
      throw error;
    }
    return portTransport(child, end);
  };
}

/** The compiled entry, also where this file itself runs as source under a test. */
function entry(): string {
  const beside = fileURLToPath(new URL('../serial/main.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/serial/main.js', import.meta.url));
}

function opened(child: PortProcess, path: string, signal: AbortSignal): Promise<void> {
  const lines = createInterface({ input: child.stdio[3] as unknown as Readable });
  return new Promise<void>((resolve, reject) => {
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

function portTransport(child: PortProcess, end: () => void): Transport {
  let over = false;
  return {
    start(events) {
      child.stdout.on('data', (chunk: Uint8Array) => !over && events.onData(chunk));
      child.stdin.on('drain', () => !over && events.onDrain());
      child.once('exit', () => {
        if (over) return;
        over = true;
        events.onClose('the serial port is gone');
      });
    },
    write(pieces) {
      if (over) return false;
      let free = true;
      for (const piece of pieces) free = child.stdin.write(piece);
      return free;
    },
    end() {
      over = true;
      child.stdin.end();
    },
    destroy() {
      over = true;
      end();
    },
  };
}
