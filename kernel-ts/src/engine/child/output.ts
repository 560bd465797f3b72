/**
 * The child's way out: joins text of one stream and one cell, and keeps everything else in order behind it. Knows no
 * evaluation. Surprise: it writes from inside `console.log` when text has waited long enough, because a spinning cell
 * never returns to the event loop.
 */
import { Console } from 'node:console';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { StringDecoder } from 'node:string_decoder';
import { encodeFrame, FD, type FromMain, NATIVE_MARK, writeAll } from '../channel.js';
import { currentCell } from './attribution.js';

const FLUSH_AFTER_MS = 15;
const FLUSH_AT_CHARACTERS = 64 * 1024;

let pendingOwner = '';
let pendingName: 'stdout' | 'stderr' = 'stdout';
let pendingParts: string[] = [];
let pendingCharacters = 0;
let pendingSinceMs = 0;
let timer: NodeJS.Timeout | undefined;
const setTimer = globalThis.setTimeout;
const clearTimer = globalThis.clearTimeout;

/** Sends a message behind all text written so far. */
export function send(message: FromMain): void {
  flush();
  writeAll(FD.fromMain, encodeFrame(message));
}

/** Sends the text that is waiting. */
export function flush(): void {
  if (timer !== undefined) {
    clearTimer(timer);
    timer = undefined;
  }
  if (pendingCharacters === 0) return;
  const text = pendingParts.join('');
  pendingParts = [];
  pendingCharacters = 0;
  writeAll(
    FD.fromMain,
    encodeFrame({
      kind: 'output',
      requestId: pendingOwner,
      output: { kind: 'stream', name: pendingName, text },
    } satisfies FromMain),
  );
}

/** Parts what native code has written so far from what it will write. */
function fence(): void {
  for (const fd of [1, 2]) writeAll(fd, NATIVE_MARK);
  send({ kind: 'fence' });
}

/** Adds stream text for the cell that is running, or for `requestId`. */
export function writeStream(name: 'stdout' | 'stderr', text: string, requestId = currentCell()?.requestId ?? ''): void {
  if (text.length === 0) return;
  if (pendingCharacters > 0 && (pendingOwner !== requestId || pendingName !== name)) flush();
  if (pendingCharacters === 0) {
    pendingOwner = requestId;
    pendingName = name;
    pendingSinceMs = performance.now();
    timer = setTimer(flush, FLUSH_AFTER_MS);
  }
  pendingParts.push(text);
  pendingCharacters += text.length;
  if (pendingCharacters >= FLUSH_AT_CHARACTERS || performance.now() - pendingSinceMs > FLUSH_AFTER_MS) flush();
}

/** Takes over `process.stdout`, `process.stderr` and `console`, and orders them with the output of child processes. */
export function installOutput(): void {
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
  }
  // Not the built-in console: with an inspector session it keeps every logged value alive.
  const console = new Console({ stdout: process.stdout, stderr: process.stderr, colorMode: false });
  Object.defineProperty(globalThis, 'console', {
    value: console,
    writable: true,
    configurable: true,
    enumerable: false,
  });
  orderChildProcesses();
}

/** Text written before a child process starts leaves before its output; after a synchronous one, a fence follows it. */
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
        return original.apply(this, args);
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
