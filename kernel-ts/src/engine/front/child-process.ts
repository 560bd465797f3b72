/**
 * One child process: start, channels, native output, end. Knows no cell text. Surprise: descriptors are also read
 * synchronously, so that at the end of a cell everything native code wrote is here without a further turn of the event
 * loop, and so that the two paths of output keep their order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  encodeFrame,
  FD,
  FrameReader,
  type FromMain,
  type FromWorker,
  readAvailable,
  type ToMain,
  type ToWorker,
} from '../channel.js';
import type { ChildOptions } from '../child/main.js';
import { NativeOutput } from './native-output.js';

const ENTRY = fileURLToPath(new URL('../child/main.js', import.meta.url));

/** Node's note about our inspector sessions, when a cell ends its own process. */
const INSPECTOR_NOTE = 'Waiting for the debugger to disconnect...\n';
/** How V8's last words begin when the heap is full: lists of collections and frames of V8, for the log. */
const HEAP_FULL = /\n?<--- Last few GCs --->|FATAL ERROR: .*JavaScript heap out of memory/;
/** What ends a process by a signal, as far as it is known. */
const SIGNAL_CAUSES: Readonly<Record<string, string>> = {
  ...{ SIGSEGV: 'a fault in native code', SIGBUS: 'a fault in native code', SIGABRT: 'native code gave up' },
  ...{ SIGILL: 'an instruction unknown to this processor', SIGFPE: 'a division by zero in native code' },
  SIGKILL: 'the system does so when memory runs out',
};

/** What comes from V8's inspector. */
export type FromInspector = Extract<FromWorker, { kind: 'inspected' | 'inspector-event' }>;

/** What a child tells its owner. */
export interface ChildEvents {
  message(message: FromMain): void;
  native(name: 'stdout' | 'stderr', text: string): void;
  /** The worker says that the interrupt reached the main thread. */
  interrupted(id: number): void;
  /** V8's inspector answers or tells something. */
  inspector(message: FromInspector): void;
  /** The process is gone; `reason` says how, for people; `heapFull` is what V8 said when it had no memory left. */
  ended(reason: string, heapFull: string | undefined): void;
}

/** A running child. */
export class EngineChild {
  readonly #process: ChildProcess;
  readonly #events: ChildEvents;
  readonly #reader = new FrameReader();
  readonly #fromMain: Socket;
  readonly #toMain: Socket;
  readonly #toWorker: Socket;
  readonly #native = { stdout: new NativeOutput(), stderr: new NativeOutput() };
  #draining = false;
  #ended = false;
  #heapFull: string | undefined;
  /** Resolves when the process is gone and its output has been read. */
  readonly closed: Promise<void>;

  constructor(options: ChildOptions, events: ChildEvents) {
    this.#events = events;
    this.#process = spawn(process.execPath, ['--no-force-async-hooks-checks', ENTRY, JSON.stringify(options)], {
      cwd: options.folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    const stdio = this.#process.stdio as unknown as (Socket | null)[];
    this.#toMain = stdio[FD.toMain] as Socket;
    this.#toWorker = stdio[FD.toWorker] as Socket;
    this.#fromMain = stdio[FD.fromMain] as Socket;
    for (const fd of [FD.toMain, FD.fromMain, FD.toWorker, FD.fromWorker]) stdio[fd]?.on('error', () => {});
    for (const name of ['stdout', 'stderr'] as const) {
      this.#process[name]?.on('data', (chunk: Buffer) => this.#onNative(name, chunk));
    }
    this.#fromMain.on('data', (chunk: Buffer) => {
      this.#onMessages(chunk);
      if (!this.#native.stdout.holds && !this.#native.stderr.holds) return;
      this.#drainChannel();
      this.drainNative();
    });
    const workerReader = new FrameReader();
    stdio[FD.fromWorker]?.on('data', (chunk: Buffer) => {
      for (const message of workerReader.push(chunk) as FromWorker[]) {
        if (message.kind === 'interrupted') events.interrupted(message.id);
        else if (message.kind !== 'ready') events.inspector(message);
      }
    });
    this.closed = new Promise((resolve) => {
      const end = (reason: string): void => {
        if (this.#ended) return;
        this.#drainChannel();
        this.drainNative('end');
        this.#ended = true;
        for (const stream of stdio) stream?.destroy();
        events.ended(reason, this.#heapFull);
        resolve();
      };
      this.#process.once('error', (error) => end(`it did not start: ${error.message}`));
      this.#process.once('exit', (code, signal) =>
        end(signal === null ? `it exited with code ${code}` : `it was ended by ${signal}${causeOf(signal)}`),
      );
    });
  }

  /** Process id, for messages and tests. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(message: ToMain): void {
    this.#toMain.write(encodeFrame(message));
  }

  sendToWorker(message: ToWorker): void {
    this.#toWorker.write(encodeFrame(message));
  }

  /** Ends the process and everything in its group, at once. */
  kill(): void {
    if (this.#ended || this.#process.pid === undefined) return;
    try {
      process.kill(-this.#process.pid, 'SIGKILL');
    } catch {
      this.#process.kill('SIGKILL');
    }
  }

  /** Hands on what native code has written so far; at a fence, only what it wrote before that. */
  drainNative(at: 'anytime' | 'fence' | 'end' = 'anytime'): void {
    for (const name of ['stdout', 'stderr'] as const) {
      const native = this.#native[name];
      for (const chunk of readNow(this.#process[name] as Socket | null)) native.push(chunk);
      const text = name === 'stderr' ? this.#wordsOfCell(native.take(at)) : native.take(at);
      if (text.length > 0) this.#events.native(name, text);
    }
  }

  /** What of a text on stderr the cell's own code wrote. */
  #wordsOfCell(text: string): string {
    const end = this.#heapFull === undefined ? text.search(HEAP_FULL) : 0;
    if (end < 0) return text.replace(INSPECTOR_NOTE, '');
    this.#heapFull = (this.#heapFull ?? '') + text.slice(end);
    return text.slice(0, end);
  }

  #onNative(name: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#native[name].push(chunk);
    this.#drainChannel();
    this.drainNative();
  }

  #onMessages(chunk: Buffer): void {
    for (const message of this.#reader.push(chunk) as FromMain[]) {
      if (message.kind === 'fence') this.drainNative('fence');
      if (message.kind === 'outcome') this.drainNative('end');
      this.#events.message(message);
    }
  }

  #drainChannel(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (const chunk of readNow(this.#fromMain)) this.#onMessages(chunk);
    this.#draining = false;
  }
}

function causeOf(signal: string): string {
  return SIGNAL_CAUSES[signal] === undefined ? '' : ` (${SIGNAL_CAUSES[signal]})`;
}

/** Reads a socket's descriptor past its stream; order holds because both run on this thread. */
function readNow(socket: Socket | null): Buffer[] {
  const fd = (socket as unknown as { _handle?: { fd?: number } } | null)?._handle?.fd;
  return fd === undefined || fd < 0 ? [] : readAvailable(fd);
}
