/**
 * The child's second thread: interrupts the main thread while it spins, sends the text it printed before, and ends the
 * process when the front is gone. Knows no cell but its id. Surprise: it asks first and terminates only when no answer comes, because a termination
 * requested while no JavaScript runs would hit the kernel's own next call.
 */
import { Session } from 'node:inspector';
import { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { encodeFrame, FD, FrameReader, type FromWorker, type Interrupt, type ToWorker, writeAll } from '../channel.js';
import { InspectorPipe } from './debug/inspector-pipe.js';
import { INTERRUPT_STATE } from './interrupt-state.js';
import { SignalGate } from './signal-gate.js';
import { SEND_AFTER_MS, WaitingText } from './waiting-text.js';

/** What the main thread shares. */
export interface WorkerMemory {
  readonly answering: ArrayBufferLike;
  readonly text: SharedArrayBuffer;
  readonly gate: SharedArrayBuffer;
}

/** Main thread → worker: text waits to be sent; the interrupt arrived. */
export type FromChildMain = { readonly kind: 'text' } | { readonly kind: 'answered'; readonly id: number };

/** How long the main thread may take to answer before it is terminated. */
const ANSWER_WITHIN_MS = 10;
/** The same after a first termination, doubled each time: a busy machine is slow to answer, not stuck. */
const AGAIN_AFTER_MS = 40;

/** One of `INTERRUPT_STATE`, in `[0]`. */
const memory = workerData as WorkerMemory;
const answering = new Int32Array(memory.answering);
const gate = new SignalGate(memory.gate);
const text = new WaitingText(memory.text);
/** Runs while text may wait. */
let textTimer: NodeJS.Timeout | undefined;
const session = new Session();
session.connectToMainThread();
const socket = new Socket({ fd: FD.toWorker, readable: true, writable: false });
const reader = new FrameReader();
const pipe = new InspectorPipe(send);
/** The interrupt under way. */
let waiting: { readonly interrupt: Interrupt; timer: NodeJS.Timeout; terminated: boolean } | undefined;

socket.on('data', (chunk: Buffer) => {
  for (const message of reader.push(chunk) as ToWorker[]) {
    if (message.kind === 'inspect') pipe.command(message);
    else if (message.kind === 'inspect-end') pipe.close();
    else ask({ id: message.id, requestIds: message.requestIds });
  }
});
socket.on('close', () => {
  // The front is gone, and the main thread may be spinning: nobody else can end this process group.
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.kill(process.pid, 'SIGKILL');
  }
});
parentPort?.on('message', (message: FromChildMain) => {
  if (message.kind === 'answered') settle(message.id);
  else if (textTimer === undefined) textTimer = setTimeout(sendText, SEND_AFTER_MS);
});

function sendText(): void {
  textTimer = text.flushFromWorker() ? undefined : setTimeout(sendText, 1);
}

function settle(id: number): void {
  if (waiting?.interrupt.id !== id) return;
  clearTimeout(waiting.timer);
  const { terminated } = waiting;
  waiting = undefined;
  const settled = (): void => send({ kind: 'interrupted', id });
  if (terminated) outlive(settled);
  else settled();
}

send({ kind: 'ready' });
parentPort?.postMessage({ ready: true });

function ask(interrupt: Interrupt): void {
  if (waiting !== undefined) clearTimeout(waiting.timer);
  Atomics.store(answering, 0, INTERRUPT_STATE.asked);
  parentPort?.postMessage(interrupt);
  pipe.release();
  signalChildren(interrupt);
  waiting = { interrupt, timer: setTimeout(insist, ANSWER_WITHIN_MS, AGAIN_AFTER_MS), terminated: false };
}

/** Terminates what runs, unless the main thread is answering; asks again, since a question may die with the code. */
function insist(nextMs: number): void {
  if (waiting === undefined) return;
  const { interrupt } = waiting;
  const { asked, answered, terminating } = INTERRUPT_STATE;
  if (Atomics.compareExchange(answering, 0, asked, terminating) !== answered) {
    waiting.terminated = true;
    // It may have hit the question itself.
    session.post('Runtime.terminateExecution', () => {
      if (waiting !== undefined) parentPort?.postMessage(waiting.interrupt);
    });
    signalChildren(interrupt); // the cell may have started one only now
  }
  parentPort?.postMessage(interrupt);
  waiting.timer = setTimeout(insist, nextMs, nextMs * 2);
}

/**
 * Calls `done` once no termination is left that could hit the next cell. One session's commands are carried out in order,
 * so an evaluation that gives its value comes after all of them; one that is itself terminated used one up.
 */
function outlive(done: () => void): void {
  session.post('Runtime.evaluate', { expression: '1', silent: true }, (error, reply) => {
    if (error === null && reply.result.value === 1) done();
    else outlive(done);
  });
}

/**
 * Interrupts the processes that cells started; this one ignores the signal, or ends what the debugger evaluates. Where no cell is to stop,
 * nobody asked for their end: they go on.
 */
function signalChildren({ requestIds }: Interrupt): void {
  gate.pass(() => {
    try {
      process.kill(requestIds.length > 0 ? -process.pid : process.pid, 'SIGINT');
    } catch {
      // no process group of our own: there is nothing to signal
    }
  });
}

function send(message: FromWorker): void {
  writeAll(FD.fromWorker, encodeFrame(message));
}
