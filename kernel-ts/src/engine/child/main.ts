/**
 * Entry of the child process: prepares the thread that runs user code and serves the front's cells. Surprise: it must
 * not import anything that uses async_hooks (see attribution.ts).
 */
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CellHost, CellSettings, GlobalsModule } from '../cell-host.js';
import { FD, FrameReader, type Interrupt, type ToMain } from '../channel.js';
import { ENGINE_ERRORS } from '../errors.js';
import { forgetContexts, installAsyncHooks } from './async-hooks.js';
import {
  type CellMark,
  cellOf,
  currentCell,
  dropThrowing,
  forgetRunning,
  installAttribution,
  takeLastThrow,
} from './attribution.js';
import { Comms } from './comms.js';
import { DebugValues } from './debug/values.js';
import { installDisposables } from './disposables.js';
import { Evaluator, plainText } from './evaluate.js';
import { hideFrames, installFrames } from './frames.js';
import { createImports } from './imports.js';
import { answerInput, askUser } from './input.js';
import { INTERRUPT_STATE } from './interrupt-state.js';
import { membersAt, newGlobals } from './live-names.js';
import { magic } from './magics.js';
import { installNativeOutput } from './native-output.js';
import { flush, installOutput, send, textMemory, writeStream } from './output.js';
import { showError } from './show-error.js';
import { SignalGate } from './signal-gate.js';
import { installStdin } from './stdin.js';
import type { FromChildMain, WorkerMemory } from './worker.js';

/** What the front passes on the command line, as JSON. */
export interface ChildOptions {
  readonly folder: string;
  readonly globalsModule: string | undefined;
  readonly check: CellSettings['check'];
}

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions;
process.argv.length = 1;
const socket = new Socket({ fd: FD.toMain, readable: true, writable: false });
const answering = new Int32Array(new SharedArrayBuffer(4));
const gate = new SignalGate();
const worker = new Worker(new URL('./worker.js', import.meta.url), {
  workerData: { answering: answering.buffer, text: textMemory, gate: gate.memory } satisfies WorkerMemory,
});

process.on('SIGINT', () => {}); // interrupts come over the worker's channel; this signal is for the cell's children
installAsyncHooks();
installAttribution(() => Atomics.load(answering, 0) === INTERRUPT_STATE.terminating);
installDisposables();
installOutput(() => worker.postMessage({ kind: 'text' } satisfies FromChildMain));
installNativeOutput();
installFrames(options.folder);

const evaluator = new Evaluator();
installStdin((requestId) => evaluator.isRunning(requestId));
const comms = new Comms((error, requestId) => report(error, requestId));
const imports = createImports(options.folder, () => evaluator.globals.modules ?? {});
const npulab = Object.freeze({
  import: imports.import,
  dynamicImport: imports.dynamicImport,
  meta: imports.meta,
  take: evaluator.take,
  use: evaluator.use,
  magic,
  debug: new DebugValues({
    present: (value) => evaluator.globals.present(value),
    plainText,
    gate,
    log: (text) => send({ kind: 'debug-log', text }),
  }),
  constant: new Proxy(Object.freeze({}), {
    get: () => Number.NaN,
    set: () => {
      throw new TypeError('Assignment to constant variable.');
    },
  }),
});
define('__npulab', npulab);
define('require', imports.require);
define('__dirname', options.folder);
define('__filename', join(options.folder, 'cell.ts'));

// A cell that spins before the worker is up could not be stopped, and would outlive the front.
const workerReady = new Promise<void>((resolve) => worker.once('message', () => resolve()));
workerReady.then(() => {
  worker.on('message', answerWorker);
  worker.unref();
});

let answered = 0;

/** The worker asks whether this thread still turns: it does, so the interrupt needs no termination. Asked again, it only answers. */
function answerWorker({ id, requestIds }: Interrupt): void {
  const before = Atomics.exchange(answering, 0, INTERRUPT_STATE.answered);
  if (answered !== id) {
    const ran = forgetRunning();
    if (before === INTERRUPT_STATE.terminating) forgetContexts();
    for (const requestId of requestIds) evaluator.interrupt(requestId);
    endLeftovers(requestIds.length === 0, before === INTERRUPT_STATE.terminating ? ran : undefined);
    comms.interrupt();
    answered = id;
  }
  worker.postMessage({ kind: 'answered', id } satisfies FromChildMain);
}

/** Ends what throws for ever behind cells that have ended, and says so; when no cell runs also what was terminated, and timers. */
function endLeftovers(isIdle: boolean, terminated: CellMark | undefined): void {
  const say = (cell: CellMark, what: string): void => writeStream('stderr', `Interrupted: ${what}\n`, cell.requestId);
  if (isIdle && terminated !== undefined) say(terminated, `what ${terminated.label} had left running was stopped`);
  for (const cell of dropThrowing(isIdle)) say(cell, `the callbacks of ${cell.label}, which had thrown, were ended`);
}

process.on('uncaughtException', (error) => {
  if (isTermination(error)) return;
  const requestId = takeLastThrow()?.requestId ?? cellOf(error)?.requestId;
  // Nobody answers what `readline` waits for: its cell would wait for ever.
  const isRefused = (error as { code?: unknown }).code === 'cell.input-not-allowed';
  if (!isRefused || !evaluator.fail(requestId, error)) report(error, requestId);
});
process.on('unhandledRejection', (reason, promise) => report(reason, cellOf(reason, promise)?.requestId));
process.on('exit', () => {
  evaluator.close();
  flush();
});

let globalsError: string | undefined;
if (options.globalsModule !== undefined) {
  try {
    const module = (await import(options.globalsModule)) as GlobalsModule;
    evaluator.globals = await module.createCellGlobals(createHost());
    hideFrames(evaluator.globals.internals);
    for (const [name, value] of Object.entries(evaluator.globals.names)) define(name, value);
  } catch (error) {
    globalsError = [
      'The names of the lab are missing: its module did not load.',
      ...showError(error, () => []).traceback,
      'code: engine.globals-failed',
      `remedy: ${ENGINE_ERRORS['engine.globals-failed']}`,
    ].join('\n');
  }
}

/**
 * Whether this is V8's own mark of a termination: Node hands it on where one hits the answer of the inspector. It is of no type, and V8
 * gives up when it is asked for a property.
 */
function isTermination(error: unknown): boolean {
  if (error === undefined || error === null) return false;
  return !/^(object|function|string|number|bigint|boolean|symbol)$/.test(typeof error);
}

const globalsSince = newGlobals();
let toldGlobals = '';

/** The front completes names while this thread spins, so it must know them before. */
function tellGlobals(): void {
  const names = globalsSince();
  const text = names.map((name) => name.text).join();
  if (text === toldGlobals) return;
  send({ kind: 'globals', names });
  toldGlobals = text;
}

evaluator.onEnd = tellGlobals;

function tellMembers(queryId: number, path: readonly string[]): void {
  send({ kind: 'members', queryId, names: membersAt(path, (name) => evaluator.valueOf(name)) });
}

const reader = new FrameReader();
socket.on('data', (chunk: Buffer) => {
  for (const message of reader.push(chunk) as ToMain[]) {
    if (message.kind === 'dispose') void dispose();
    else if (message.kind === 'comm') comms.receive(message.requestId, message.message);
    else if (message.kind === 'members') tellMembers(message.queryId, message.path);
    else if (message.kind === 'input-answer') answerInput(message.inputId, message.answer);
    else {
      if (globalsError !== undefined) writeStream('stderr', `${globalsError}\n`, message.requestId);
      globalsError = undefined;
      void evaluator.execute(message);
    }
  }
});
socket.on('close', () => process.exit(0));
await workerReady;
send({ kind: 'ready', globalsError, names: Object.keys(evaluator.globals.names) });

function report(error: unknown, requestId: string | undefined): void {
  const { traceback } = showError(error, evaluator.globals.explain);
  writeStream('stderr', `Uncaught ${traceback.join('\n')}\n`, requestId);
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

async function dispose(): Promise<void> {
  try {
    await evaluator.globals.dispose();
  } finally {
    send({ kind: 'disposed' });
  }
}

function createHost(): CellHost {
  let check = options.check;
  const idle = new AbortController();
  const settings: CellSettings = {
    get check() {
      return check;
    },
    set check(value) {
      if (value !== 'error' && value !== 'warn' && value !== 'off') {
        throw new TypeError(`kernel.settings.check is 'error', 'warn' or 'off', not ${String(value)}`);
      }
      check = value;
      send({ kind: 'settings', settings: { check } });
    },
  };
  return {
    display(data, display = {}) {
      send({
        kind: 'output',
        requestId: currentCell()?.requestId ?? '',
        output: {
          kind: 'display',
          data,
          metadata: display.metadata ?? {},
          ...(display.displayId === undefined ? {} : { displayId: display.displayId }),
          update: display.update ?? false,
        },
      });
    },
    clearOutput(wait) {
      send({ kind: 'output', requestId: currentCell()?.requestId ?? '', output: { kind: 'clear', wait } });
    },
    input: askUser,
    comms,
    hold(work) {
      evaluator.current?.holds.add(work);
    },
    get signal() {
      return evaluator.current?.controller.signal ?? idle.signal;
    },
    get executionCount() {
      return evaluator.current?.executionCount ?? 0;
    },
    settings,
    folder: options.folder,
  };
}
