/**
 * Runs compiled cells on this thread. Knows no TypeScript. Surprise: the inspector answers in a later microtask even for
 * synchronous code, and not at all after a termination: every wait races against the cell's interrupt.
 */
import { inspect } from 'node:util';
import { isPromise } from 'node:util/types';
import { bindingOf } from '../cell-binding.js';
import type { Bundle, CellGlobals } from '../cell-host.js';
import type { CompiledText, ToMain } from '../channel.js';
import { ENGINE_ERRORS } from '../errors.js';
import type { CellOutcome, ExpressionOutcome, MimeBundle, ShownError } from '../types.js';
import { type CellMark, currentCell, dropTimers, enterCell, forgetRunning } from './attribution.js';
import { declared } from './cell-names.js';
import { rememberText } from './frames.js';
import { dropInputs } from './input.js';

import { send, writeStream } from './output.js';
import { Repl } from './repl.js';
import { showError } from './show-error.js';
import { endStdin } from './stdin.js';
import { isUnread, Unread } from './unread.js';

type ExecuteMessage = Extract<ToMain, { kind: 'execute' }>;

/**
 * A termination that arrives just as the code ends by itself clears V8's microtasks, ours included: an interrupted cell
 * that has not ended by then is ended from a timer.
 */
const END_WITHIN_MS = 150;
const setTimer = globalThis.setTimeout;

/** Getters of Node's own globals (`process`, `performance`): to call one runs nobody's code. */
const NODE_GETTERS = new Set(
  Object.values(Object.getOwnPropertyDescriptors(globalThis)).flatMap(({ get }) => (get === undefined ? [] : [get])),
);

/** Thrown into the cell's waits by an interrupt. */
const INTERRUPTED = Symbol('interrupted');

/** The cell that has not ended yet. */
interface RunningCell {
  readonly mark: CellMark;
  readonly controller: AbortController;
  readonly interrupted: Promise<never>;
  /** Ends its waits with what it is given. */
  readonly stop: (reason: unknown) => void;
  readonly holds: Set<Promise<unknown>>;
  readonly disposals: (() => unknown)[];
  readonly executionCount: number;
  /** How its value is shown; leaves with its outcome. */
  result: MimeBundle | undefined;
}

/** Evaluates cells: one after the other in a shell, side by side where shells await. */
export class Evaluator {
  readonly #repl = new Repl();
  /** Cells that have not ended, by their requests: one of each shell. */
  readonly #running = new Map<string, RunningCell>();
  /** What the lab lends; bare until its module has loaded. */
  globals: CellGlobals = {
    names: {},
    present: async () => undefined,
    explain: () => [],
    internals: [],
    dispose: async () => {},
  };

  /** Called before a cell's outcome is sent. */
  onEnd: () => void = () => {};

  /** The cell that the running code belongs to; undefined where that cell has ended. */
  get current(): RunningCell | undefined {
    return this.#running.get(currentCell()?.requestId ?? '');
  }

  /** Lets go of the inspector, so that the process can end without waiting for a debugger. */
  close(): void {
    this.#repl.close();
  }

  /** Receives a value from the script with which the REPL fetches it. */
  readonly take = this.#repl.take;

  /** Registers a `using` value of the running cell. */
  readonly use = (value: unknown, isAsync: boolean): unknown => {
    const owner = value as Record<symbol, unknown> | null | undefined;
    if (owner === null || owner === undefined) return value;
    const method = (isAsync ? owner[Symbol.asyncDispose] : undefined) ?? owner[Symbol.dispose];
    if (typeof method !== 'function') throw new TypeError('The value of `using` has no dispose method.');
    this.current?.disposals.push(() => method.call(owner));
    return value;
  };

  /** Ends a cell's waits and its timers, and fires its signal. */
  interrupt(requestId: string): void {
    const cell = this.#running.get(requestId);
    if (cell === undefined) return;
    dropTimers(cell.mark);
    dropInputs(cell.mark.requestId);
    cell.controller.abort(new DOMException('The cell was interrupted', 'AbortError'));
    cell.stop(INTERRUPTED);
    this.#repl.giveUp();
    setTimer(() => this.#end(cell, { status: 'error', ...this.#show(INTERRUPTED) }), END_WITHIN_MS);
  }

  /** Whether the cell of a request has not ended. */
  isRunning(requestId: string): boolean {
    return this.#running.has(requestId);
  }

  /** Ends a cell that waits for what will never come, with the reason; false where it has ended. */
  fail(requestId: string | undefined, reason: Error): boolean {
    const cell = this.#running.get(requestId ?? '');
    cell?.stop(new Thrown(reason));
    return cell !== undefined;
  }

  #end(cell: RunningCell, outcome: CellOutcome): void {
    const { requestId, interrupted } = cell.mark;
    if (this.#running.get(requestId) !== cell) return;
    endStdin(requestId, interrupted);
    this.onEnd();
    send({ kind: 'outcome', requestId, outcome, result: cell.result });
    // Last: a termination that hits any of this leaves a cell that the interrupt's answer ends again; the front takes one outcome.
    this.#running.delete(requestId);
  }

  /** Runs a cell and sends its outcome behind its outputs. */
  async execute(message: ExecuteMessage): Promise<void> {
    let stop = (_reason: unknown): void => {};
    const interrupted = new Promise<never>((_, reject) => {
      stop = reject;
    });
    interrupted.catch(() => {});
    const mark: CellMark = {
      requestId: message.requestId,
      label: message.text.label,
      timers: new Set(),
      interrupted: false,
    };
    const cell: RunningCell = {
      mark,
      controller: new AbortController(),
      interrupted,
      stop,
      holds: new Set(),
      disposals: [],
      executionCount: message.executionCount,
      result: undefined,
    };
    this.#running.set(message.requestId, cell);
    for (const name of message.names) declared.add(name);
    enterCell(mark);
    const ended = this.#run(cell, message);
    forgetRunning();
    this.#end(cell, await ended);
  }

  async #run(cell: RunningCell, message: ExecuteMessage): Promise<CellOutcome> {
    const failure = await this.#body(cell, message);
    if (failure !== undefined) return { status: 'error', ...failure };
    const userExpressions: Record<string, ExpressionOutcome> = {};
    for (const { name, text } of message.expressions) {
      userExpressions[name] = 'status' in text ? (text as ExpressionOutcome) : await this.#expression(cell, text);
    }
    return { status: 'ok', userExpressions };
  }

  /** The cell's code, its disposals, held work and result. Gives the error it ended with. */
  async #body(cell: RunningCell, message: ExecuteMessage): Promise<ShownError | undefined> {
    let failure: ShownError | undefined;
    try {
      const value = await this.#value(cell, message.text);
      await this.#settle(cell);
      if (message.text.hasResult && !message.silent && value.value !== undefined) {
        cell.result = await Promise.race([this.#bundle(value.value), cell.interrupted]);
        if (cell.disposals.length > 0 || message.expressions.length > 0) sendResult(cell);
      }
    } catch (thrown) {
      failure = this.#show(thrown);
    }
    while (cell.disposals.length > 0) {
      try {
        await Promise.race([cell.disposals.pop()?.(), cell.interrupted]);
      } catch (thrown) {
        failure = withDisposal(failure, this.#show(thrown));
      }
    }
    return failure;
  }

  async #expression(cell: RunningCell, text: CompiledText): Promise<ExpressionOutcome> {
    try {
      const value = await this.#value(cell, text);
      return { status: 'ok', data: await Promise.race([this.#bundle(value.value), cell.interrupted]), metadata: {} };
    } catch (thrown) {
      return { status: 'error', ...this.#show(thrown) };
    }
  }

  /** The value of a text, in a box: what has a `then` is a value like others. A promise as the last value is awaited. */
  async #value(cell: RunningCell, text: CompiledText): Promise<Completion> {
    const completion = await this.#evaluate(cell, text);
    if (!isPromise(completion.value)) return completion;
    return new Completion(await Promise.race([completion.value, cell.interrupted]));
  }

  /** Waits for displays that are computed asynchronously. */
  async #settle(cell: RunningCell): Promise<void> {
    while (cell.holds.size > 0) {
      const works = [...cell.holds];
      for (const work of works) cell.holds.delete(work);
      await Promise.race([Promise.all(works), cell.interrupted]);
    }
  }

  #show(thrown: unknown): ShownError {
    if (thrown === INTERRUPTED) {
      const evalue = 'the cell was interrupted';
      return {
        ename: 'Interrupted',
        evalue,
        traceback: [`Interrupted: ${evalue}`, 'code: cell.interrupted', `remedy: ${ENGINE_ERRORS['cell.interrupted']}`],
      };
    }
    if (thrown instanceof Unread) return thrown.shown();
    return showError(thrown instanceof Thrown ? thrown.value : thrown, this.globals.explain);
  }

  /** The value of a name of the cells, for completion; undefined where reading it would run code. */
  valueOf(name: string): unknown {
    const own = declared.has(name) ? undefined : Object.getOwnPropertyDescriptor(globalThis, name);
    if (own?.get !== undefined && NODE_GETTERS.has(own.get)) return own.get.call(globalThis);
    if (own !== undefined) return own.value;
    return this.#repl.peek(bindingOf(name));
  }

  #evaluate(cell: RunningCell, text: CompiledText): Promise<Completion> {
    rememberText(text);
    const value = new Promise<unknown>((resolve, reject) => {
      this.#repl.evaluate(text.js, (error, answer) => {
        if (error !== null)
          reject(INTERRUPTED); // the inspector answers a terminated call with an error of its own
        else if (answer.exceptionDetails !== undefined) {
          const details = answer.exceptionDetails;
          const thrown =
            details.exception === undefined ? new Error(details.text) : this.#repl.fetch(details.exception);
          reject(isUnread(details, thrown) ? new Unread(thrown.message, text, details) : new Thrown(thrown));
        } else resolve(new Completion(text.hasResult ? this.#repl.fetch(answer.result) : undefined));
      });
    });
    value.catch(() => {});
    return Promise.race([value, cell.interrupted]) as Promise<Completion>;
  }

  /** How a result is shown: the lab's rich form with `text/plain` beside it, or text alone. */
  async #bundle(value: unknown): Promise<MimeBundle> {
    let rich: Bundle | undefined;
    try {
      rich = await this.globals.present(value);
    } catch (failure) {
      writeStream(
        'stderr',
        `The rich display of the result failed:\n${showError(failure, this.globals.explain).traceback.join('\n')}\n`,
      );
    }
    return rich === undefined
      ? { 'text/plain': plainText(value) }
      : 'text/plain' in rich
        ? rich
        : { ...rich, 'text/plain': plainText(value) };
  }
}

/** An error of a disposal comes behind that of the cell. */
function withDisposal(failure: ShownError | undefined, own: ShownError): ShownError {
  if (failure === undefined) return own;
  const [head, ...rest] = own.traceback;
  return { ...failure, traceback: [...failure.traceback, `then, while disposing: ${head}`, ...rest] };
}

/** Sends the result ahead of the outcome: code that follows may print. */
function sendResult(cell: RunningCell): void {
  if (cell.result === undefined) return;
  const output = { kind: 'result', data: cell.result, metadata: {} } as const;
  send({ kind: 'output', requestId: cell.mark.requestId, output });
  cell.result = undefined;
}

/** A value on its way through promises, which would call a `then` of it. */
class Completion {
  constructor(readonly value: unknown) {}
}

/** What the cell threw, so that it is not mistaken for an error of ours. */
class Thrown {
  constructor(readonly value: unknown) {}
}

/** A value as text, the way Node prints it, bounded. */
export function plainText(value: unknown): string {
  try {
    return inspect(value, { depth: 4, maxArrayLength: 100, maxStringLength: 10_000, breakLength: 100, colors: false });
  } catch (failure) {
    return `[${typeof value} that cannot be shown: ${String(failure)}]`;
  }
}
