/**
 * The front half: takes cells, has them checked and compiled here, evaluated in the child, and keeps the child alive.
 * Knows no Jupyter. Surprise: checking and compiling run at the same time, in two processes, and the child is replaced
 * whenever it ends, whatever the reason.
 */
import { readFileSync } from 'node:fs';
import type { CellSettings, EngineOptions } from './cell-host.js';
import type { CompiledText, FromMain } from './channel.js';
import { EngineError } from './errors.js';
import { analyzeCell, type CellAnalysis, cellText } from './front/analyze.js';
import type { StagedCell } from './front/cell-files.js';
import { Checker } from './front/checker.js';
import { EngineChild } from './front/child-process.js';
import { FrontComms } from './front/comms.js';
import { compileCell } from './front/compile.js';
import { completenessOf, parserComplaint } from './front/completeness.js';
import { completeAt } from './front/completion.js';
import { inspectAt } from './front/inspection.js';
import { type Complaint, complaintError, complaintLines, engineError } from './front/shown.js';
import type {
  CellOutcome,
  CellRequest,
  CommMessage,
  CompletenessResult,
  CompletionList,
  Engine,
  EngineInfo,
  EngineOutput,
  InputAnswer,
  InputQuestion,
  InspectionResult,
  ShownError,
} from './types.js';

/** An interrupt without effect for this long ends the child. */
const GRACE_MS = 2000;
/** A checker that has not answered by then does not hold up the cell. */
const CHECK_WITHIN_MS = 20_000;
const DISPOSE_WITHIN_MS = 2000;
const INTERRUPTED = (): ShownError => engineError('Interrupted', 'cell.interrupted', 'the cell was interrupted');

/** Starts an engine: its child process and its checker start at once, both in the background. */
export function createEngine(options: EngineOptions): Engine {
  return new FrontEngine(options);
}

interface RunningCell {
  readonly requestId: string;
  readonly end: (outcome: CellOutcome) => void;
  /** Aborts when the cell ends or is interrupted: nobody waits for its questions then. */
  readonly over: AbortController;
  inChild: boolean;
  interrupted: boolean;
  /** Where the child's worker was asked to interrupt: settles when no termination can hit a later cell any more. */
  settled: { readonly promise: Promise<unknown>; readonly resolve: () => void } | undefined;
  /** Why the child is about to be killed, if it is. */
  killed: 'cell.unstoppable' | 'cell.restarted' | undefined;
  grace: NodeJS.Timeout | undefined;
}

class FrontEngine implements Engine {
  readonly info: EngineInfo;
  onOutput: (requestId: string, output: EngineOutput) => void = () => {};
  onInput: (requestId: string, question: InputQuestion, signal: AbortSignal) => Promise<InputAnswer> = async () => ({
    status: 'refused',
    why: 'not-allowed',
  });
  onComm: (requestId: string, message: CommMessage) => void = () => {};
  readonly #options: EngineOptions;
  readonly #checker: Checker;
  readonly #comms = new FrontComms();
  #child: EngineChild | undefined;
  #ready: Promise<void> = Promise.resolve();
  #check: CellSettings['check'];
  #queue: Promise<unknown> = Promise.resolve();
  #running: RunningCell | undefined;
  #newestRequest = '';
  #sequence = 0;
  #checkerSilent = false;
  #handlerGrace: NodeJS.Timeout | undefined;
  #disposed: () => void = () => {};
  #shutdown: Promise<void> | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#check = options.check;
    this.info = describeEngine();
    this.#checker = new Checker(options.folder, options.globalsTypes, options.moduleTypes);
    this.#spawn();
    if (options.check !== 'off') this.#checker.start().catch(() => {});
  }

  /** Process id of the type checker, for tests. */
  get checkerPid(): number | undefined {
    return this.#checker.pid;
  }

  /** Process id of the child, for tests. */
  get childPid(): number | undefined {
    return this.#child?.pid;
  }

  execute(request: CellRequest): Promise<CellOutcome> {
    const outcome = this.#queue.then(() => this.#execute(request));
    this.#queue = outcome;
    return outcome;
  }

  async comm(requestId: string, message: CommMessage): Promise<boolean> {
    await this.#ready.catch(() => {});
    if (this.#child === undefined) return false;
    const handled = this.#comms.begin(requestId, message);
    this.#child.send({ kind: 'comm', requestId, message });
    return handled;
  }

  complete(code: string, cursor: number): Promise<CompletionList> {
    return completeAt(this.#checker, code, cursor, this.#options.folder).catch(() => ({
      matches: [],
      start: cursor,
      end: cursor,
    }));
  }

  inspect(code: string, cursor: number, detailLevel: 0 | 1): Promise<InspectionResult> {
    return inspectAt(this.#checker, code, cursor, detailLevel).catch(() => ({ found: false, data: {} }));
  }

  async isComplete(code: string): Promise<CompletenessResult> {
    return completenessOf(code);
  }

  async interrupt(): Promise<void> {
    const cell = this.#running;
    if (cell === undefined) return this.#interruptHandlers();
    if (cell.interrupted) return;
    cell.interrupted = true;
    cell.over.abort();
    if (!cell.inChild) return cell.end({ status: 'error', ...INTERRUPTED() });
    let resolve = (): void => {};
    const told = new Promise<void>((done) => {
      resolve = done;
    });
    cell.settled = { promise: Promise.race([told, this.#child?.closed]), resolve };
    this.#child?.sendToWorker({ kind: 'interrupt', requestId: cell.requestId });
    cell.grace = setTimeout(() => {
      cell.killed = 'cell.unstoppable';
      this.#child?.kill();
    }, GRACE_MS);
  }

  /** No cell runs, but handlers of comm messages may. */
  #interruptHandlers(): void {
    const [child, requestId] = [this.#child, this.#comms.running];
    if (requestId === undefined || this.#handlerGrace !== undefined) return;
    child?.sendToWorker({ kind: 'interrupt', requestId });
    this.#handlerGrace = setTimeout(() => child?.kill(), GRACE_MS);
  }

  async restart(): Promise<void> {
    const cell = this.#running;
    if (cell !== undefined) cell.killed = 'cell.restarted';
    const child = this.#child;
    child?.kill();
    await child?.closed;
    await this.#ready.catch(() => {});
  }

  shutdown(): Promise<void> {
    this.#shutdown ??= this.#end();
    return this.#shutdown;
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && this.#running === undefined) {
      const disposed = new Promise<void>((resolve) => {
        this.#disposed = resolve;
      });
      child.send({ kind: 'dispose' });
      await within(DISPOSE_WITHIN_MS, Promise.race([disposed, child.closed]));
    }
    child?.kill();
    await Promise.all([child?.closed, this.#checker.close()]);
  }

  #spawn(): void {
    let isReady = false;
    this.#ready = new Promise((resolve, reject) => {
      const child = new EngineChild(
        { folder: this.#options.folder, globalsModule: this.#options.globalsModule, check: this.#check },
        {
          message: (message) => {
            if (message.kind === 'ready') {
              isReady = true;
              resolve();
            } else this.#onMessage(message);
          },
          native: (name, text) =>
            this.onOutput(this.#running?.requestId ?? this.#newestRequest, { kind: 'stream', name, text }),
          interrupted: (requestId) => {
            clearTimeout(this.#handlerGrace);
            this.#handlerGrace = undefined;
            if (this.#running?.requestId === requestId) this.#running.settled?.resolve();
          },
          ended: (reason) => {
            if (this.#shutdown === undefined) this.#options.log.write(`the process that runs cells ended: ${reason}`);
            reject(new EngineError('engine.child-failed', `The process that runs cells did not start: ${reason}`));
            this.#onEnd(child, reason, isReady);
          },
        },
      );
      this.#child = child;
    });
    this.#ready.catch(() => {});
  }

  #onMessage(message: FromMain): void {
    if (message.kind === 'output') {
      const requestId = message.requestId === '' ? this.#newestRequest : message.requestId;
      this.onOutput(requestId, message.output);
    } else if (message.kind === 'outcome') {
      const cell = this.#running;
      if (cell?.requestId !== message.requestId) return;
      // A signal may have ended what the cell waited for before the interrupt itself arrived.
      const stopped = cell.interrupted && message.outcome.status === 'error';
      cell.end(stopped ? { status: 'error', ...INTERRUPTED() } : message.outcome);
    } else if (message.kind === 'comm') {
      this.#comms.note(message.message);
      this.onComm(message.requestId === '' ? this.#newestRequest : message.requestId, message.message);
    } else if (message.kind === 'comm-done') this.#comms.end(message.requestId, message.known);
    else if (message.kind === 'input') void this.#ask(message);
    else if (message.kind === 'settings') this.#check = message.settings.check;
    else if (message.kind === 'disposed') this.#disposed();
  }

  async #ask({ requestId, inputId, question }: Extract<FromMain, { kind: 'input' }>): Promise<void> {
    const [cell, child] = [this.#running, this.#child];
    let answer: InputAnswer = { status: 'refused', why: 'cell-ended' };
    if (cell?.requestId === requestId && !cell.over.signal.aborted) {
      answer = await this.onInput(requestId, question, cell.over.signal);
      // Code that was interrupted must not go on, also not by a rejection.
      if (cell.interrupted) return;
    }
    child?.send({ kind: 'input-answer', inputId, answer });
  }

  /** The child is gone: say so in the cell that ran, forget its variables, and start the next one. */
  #onEnd(child: EngineChild, reason: string, wasReady: boolean): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#checker.files.clear();
    clearTimeout(this.#handlerGrace);
    this.#handlerGrace = undefined;
    for (const close of this.#comms.lost()) this.onComm(this.#newestRequest, close);
    const cell = this.#running;
    if (this.#shutdown === undefined && wasReady) this.#spawn();
    if (cell?.inChild !== true) return;
    const [code, why] =
      cell.killed === 'cell.unstoppable'
        ? ([
            'cell.unstoppable',
            'the code did not stop when interrupted, so its process was ended; the state is lost',
          ] as const)
        : cell.killed === 'cell.restarted'
          ? (['cell.restarted', 'the process was restarted; the state is lost'] as const)
          : (['cell.process-ended', `the process that ran the cell ended: ${reason}; the state is lost`] as const);
    cell.end({ status: 'error', ...engineError('ProcessEnded', code, why, [this.#logLine()]) });
  }

  async #execute(request: CellRequest): Promise<CellOutcome> {
    if (this.#shutdown !== undefined) {
      return { status: 'error', ...engineError('ShutDown', 'engine.shut-down', 'the engine was shut down') };
    }
    this.#newestRequest = request.requestId;
    const over = new AbortController();
    let cell: RunningCell | undefined;
    const ended = new Promise<CellOutcome>((resolve) => {
      cell = {
        requestId: request.requestId,
        end: (outcome) => {
          over.abort();
          resolve(outcome);
        },
        over,
        inChild: false,
        interrupted: false,
        settled: undefined,
        killed: undefined,
        grace: undefined,
      };
    });
    const running = cell as unknown as RunningCell;
    this.#running = running;
    this.#run(request, running).catch((error: unknown) => {
      const code = error instanceof EngineError ? error.code : 'engine.child-failed';
      this.#options.log.write(`${request.requestId}: ${(error as Error).stack}`);
      running.end({
        status: 'error',
        ...engineError('EngineError', code, (error as Error).message, [this.#logLine()]),
      });
    });
    const outcome = await ended;
    // The interrupt of this cell must be over before the next one starts, or it could hit that one.
    await running.settled?.promise;
    clearTimeout(running.grace);
    this.#running = undefined;
    return outcome;
  }

  async #run(request: CellRequest, running: RunningCell): Promise<void> {
    const label = `cell ${request.executionCount}`;
    let analysis: CellAnalysis;
    try {
      analysis = analyzeCell(request.code);
    } catch (error) {
      return running.end({ status: 'error', ...(await this.#syntaxError(label, request.code, error)) });
    }
    const staged = this.#checker.stage(analysis, request.cellId);
    const checking = this.#check === 'off' ? undefined : this.#complaints(request.requestId, staged);
    let text: CompiledText;
    try {
      text = this.#compile(analysis, label);
    } catch (error) {
      this.#checker.files.discard(staged);
      return running.end({ status: 'error', ...(await this.#syntaxError(label, request.code, error)) });
    }
    const complaints = (await checking) ?? [];
    if (complaints.length > 0 && this.#check === 'error') {
      this.#checker.files.discard(staged);
      return running.end({
        status: 'error',
        ...complaintError('TypeCheckError', 'cell.type', label, analysis.text, complaints),
      });
    }
    if (complaints.length > 0) {
      const warning = complaintLines(label, analysis.text, complaints).join('\n');
      this.onOutput(request.requestId, { kind: 'stream', name: 'stderr', text: `${warning}\n` });
    }
    if (this.#child === undefined) this.#spawn();
    await this.#ready;
    if (running.interrupted) return this.#checker.files.discard(staged);
    running.inChild = true;
    this.#child?.send({
      kind: 'execute',
      requestId: request.requestId,
      executionCount: request.executionCount,
      silent: request.silent,
      text,
      names: [...analysis.names].filter(([, kind]) => kind !== 'type').map(([name]) => name),
      expressions: Object.entries(request.userExpressions).map(([name, code]) => ({
        name,
        text: this.#expression(name, code),
      })),
    });
    this.#checker.files.publish(staged);
    if (this.#check !== 'off') this.#checker.settle();
  }

  #logLine(): string {
    return `log: ${this.#options.log.path}`;
  }

  #compile(analysis: CellAnalysis, label: string): CompiledText {
    this.#sequence++;
    return compileCell(analysis, `npulab:${this.#sequence}`, label, this.#checker.files.constants());
  }

  #expression(name: string, code: string): CompiledText | CellOutcome {
    try {
      return this.#compile(analyzeCell(`(${code}\n)`), `expression ${name}`);
    } catch (error) {
      const complaint = { code: undefined, ...parserComplaint(error, `(${code}\n)`) };
      return {
        status: 'error',
        ...complaintError('SyntaxError', 'cell.syntax', `expression ${name}`, code, [complaint]),
      };
    }
  }

  /** The checker's complaints; a checker that fails or is late costs a notice, never the cell. */
  async #complaints(requestId: string, staged: StagedCell): Promise<Complaint[]> {
    try {
      const found = await within(CHECK_WITHIN_MS, this.#checker.check(staged));
      if (found === undefined) throw new Error(`it did not answer within ${CHECK_WITHIN_MS / 1000} s`);
      this.#checkerSilent = false;
      return found;
    } catch (error) {
      this.#options.log.write(`the type checker failed: ${(error as Error).stack}`);
      if (!this.#checkerSilent) {
        const { traceback } = engineError(
          'Unchecked',
          'engine.checker-unavailable',
          `the type checker failed (${(error as Error).message})`,
          [this.#logLine()],
        );
        this.onOutput(requestId, { kind: 'stream', name: 'stderr', text: `${traceback.join('\n')}\n` });
      }
      this.#checkerSilent = true;
      return [];
    }
  }

  /** The compiler's words for a text that does not parse, or the parser's where the compiler cannot be asked. */
  async #syntaxError(label: string, code: string, error: unknown): Promise<ShownError> {
    const text = cellText(code);
    let complaints: Complaint[] = [];
    if (this.#check !== 'off') {
      try {
        complaints = (await within(CHECK_WITHIN_MS, this.#checker.syntax(text))) ?? [];
      } catch {
        // the parser's own message is good enough
      }
    }
    if (complaints.length === 0) complaints = [{ code: undefined, ...parserComplaint(error, text) }];
    return complaintError('SyntaxError', 'cell.syntax', label, text, complaints);
  }
}

/** The promise's value, or undefined when it takes longer. */
function within<T>(limitMs: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function describeEngine(): EngineInfo {
  const kernel = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  const typescript = kernel.dependencies.typescript ?? '';
  return {
    implementation: 'npulab',
    implementationVersion: kernel.version,
    banner: `NPU Lab ${kernel.version}: TypeScript ${typescript} cells on Node ${process.versions.node}`,
    helpLinks: [
      { text: 'TypeScript handbook', url: 'https://www.typescriptlang.org/docs/handbook/' },
      { text: 'Node.js documentation', url: 'https://nodejs.org/docs/latest-v20.x/api/' },
    ],
    name: 'typescript',
    version: typescript,
    mimetype: 'text/typescript',
    fileExtension: '.ts',
    pygmentsLexer: 'typescript',
    codemirrorMode: 'typescript',
    nbconvertExporter: 'script',
  };
}
