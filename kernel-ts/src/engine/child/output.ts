/**
 * The child's way out: joins text of one stream and one cell, and keeps everything else in order behind it. Knows no
 * evaluation. Surprise: text that waits is sent by the worker, because a spinning cell never returns to the event loop.
 */
import type { ChildProcess } from 'node:child_process';
import { Console } from 'node:console';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { StringDecoder } from 'node:string_decoder';
import { encodeFrame, type FromMain, NATIVE_MARK, writeAll } from '../channel.js';
import { currentCell } from './attribution.js';
import { WaitingText, waitingTextMemory } from './waiting-text.js';

/** Shared with the worker. */
export const textMemory = waitingTextMemory();
const waiting = new WaitingText(textMemory);
let wakeWorker = (): void => {};

/** Sends a message behind all text written so far. */
export function send(message: FromMain): void {
  waiting.flush(encodeFrame(message));
}

/** Sends the text that is waiting. */
export function flush(): void {
  waiting.flush();
}

/** Parts what native code has written so far from what it will write. */
function fence(): void {
  for (const fd of [1, 2]) writeAll(fd, NATIVE_MARK);
  send({ kind: 'fence' });
}

/** Adds stream text for the cell that is running, or for `requestId`. */
export function writeStream(name: 'stdout' | 'stderr', text: string, requestId = currentCell()?.requestId ?? ''): void {
  if (text.length > 0 && waiting.append(name, requestId, text)) wakeWorker();
}

/**
 * Takes over `process.stdout`, `process.stderr` and `console`, and orders them with the output of child processes.
 * `wake` tells the worker that text waits.
 */
export function installOutput(wake: () => void): void {
  wakeWorker = wake;
  for (const name of ['stdout', 'stderr'] as const) {
    const decoder = new StringDecoder('utf8');
    const stream = process[name];
    const write = (chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
      const text =
        typeof chunk === 'string'
          ? chunk
          : decoder.write(
              chunk instanceof Uint8Array
                ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
                : String(chunk),
            );
      writeStream(name, text);
      const callback = typeof encoding === 'function' ? encoding : done;
      if (typeof callback === 'function') process.nextTick(callback as () => void);
      return true;
    };
    Object.defineProperty(stream, 'write', { value: write, writable: true, configurable: true });
    // As in any program these two stay open: child processes and native code write to the same descriptors.
    const end = (...values: unknown[]): unknown => {
      const [chunk, ...rest] = values;
      const done = values.findLast((value) => typeof value === 'function');
      if (typeof chunk === 'function' || chunk === undefined || chunk === null) write('', done);
      else write(chunk, ...rest);
      return stream;
    };
    for (const [key, value] of [
      ['end', end],
      ['destroy', () => stream],
    ] as const) {
      Object.defineProperty(stream, key, { value, writable: true, configurable: true });
    }
  }
  // Not the built-in console: with an inspector session it keeps every logged value alive.
  // No write of ours fails; to be told of each end, it would queue a callback per line, a million of them in a loop that prints.
  const console = new Console({
    ...{ stdout: process.stdout, stderr: process.stderr },
    ...{ colorMode: false, ignoreErrors: false },
  });
  Object.defineProperty(globalThis, 'console', {
    value: console,
    writable: true,
    configurable: true,
    enumerable: false,
  });
  orderChildProcesses();
}

/** What a child process wrote into our own streams belongs before what is printed once its end is known. */
function fenceAtExit(child: ChildProcess): void {
  if (child.stdout === null || child.stderr === null) child.once('exit', fence);
}

/** Text written before a child process starts leaves before its output; behind its end, a fence follows it. */
function orderChildProcesses(): void {
  const processes = createRequire(import.meta.url)('node:child_process') as Record<
    string,
    (...args: unknown[]) => unknown
  >;
  for (const key of ['spawn', 'exec', 'execFile', 'fork', 'spawnSync', 'execSync', 'execFileSync'] as const) {
    const original = processes[key] as (...args: unknown[]) => unknown;
    const wrapped = function (this: unknown, ...args: unknown[]): unknown {
      flush();
      try {
        const started = original.apply(this, args);
        if (key === 'spawn' || key === 'fork') fenceAtExit(started as ChildProcess);
        return started;
      } finally {
        if (key.endsWith('Sync')) fence();
      }
    };
    for (const symbol of Object.getOwnPropertySymbols(original)) {
      Object.defineProperty(wrapped, symbol, Object.getOwnPropertyDescriptor(original, symbol) as PropertyDescriptor);
    }
    Object.defineProperty(wrapped, 'name', { value: key });
    processes[key] = wrapped;
  }
  syncBuiltinESMExports();
}
