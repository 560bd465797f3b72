/**
 * The front half: takes cells, has them checked and compiled here, evaluated in the child, and keeps the child alive.
 * Knows no Jupyter. Surprise: the child is replaced whenever it ends, whatever the reason.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CellSettings, EngineOptions } from './cell-host.js';
import type { FromMain } from './channel.js';
import { Debugger } from './debug/debugger.js';
import { DebugRequests } from './debug/requests.js';
import { EngineError } from './errors.js';
import { analyzeCell } from './front/analyze.js';
import { Checker } from './front/checker.js';
import { EngineChild } from './front/child-process.js';
import { FrontComms } from './front/comms.js';
import { completenessOf } from './front/completeness.js';
import { describeEngine } from './front/describe.js';
import { Interrupts } from './front/interrupts.js';
import { LiveNames } from './front/live-names.js';
import { Preparation } from './front/preparation.js';
import { type Loss, lossError, RunningCell } from './front/running-cell.js';
import { engineError } from './front/shown.js';
import { swc } from './front/swc.js';
import { within } from './front/within.js';
import type {
  CellOutcome,
  CellRequest,
  CommMessage,
  CompletenessResult,
  CompletionList,
  DapEvent,
  DapResponse,
  Engine,
  EngineInfo,
  EngineOutput,
  InputAnswer,
  InputQuestion,
  InspectionResult,
} from './types.js';

const DISPOSE_WITHIN_MS = 2000;

/** Starts an engine: its child process and its checker start at once, both in the background. */
export function createEngine(options: EngineOptions): Engine {
  const engine = new FrontEngine(options);
  if (options.startsLater !== true) engine.start();
  return engine;
}

class FrontEngine implements Engine {
  readonly info: EngineInfo = describeEngine();
  onOutput: (requestId: string, output: EngineOutput) => void = () => {};
  onInput: (requestId: string, question: InputQuestion, signal: AbortSignal) => Promise<InputAnswer> = async () => ({
    status: 'refused',
    why: 'not-allowed',
  });
  onComm: (requestId: string, message: CommMessage) => void = () => {};
  onDebugEvent: (event: DapEvent) => void = () => {};
  readonly #options: EngineOptions;
  readonly #checker: Checker;
  readonly #preparation: Preparation;
  readonly #comms = new FrontComms();
  readonly #interrupts = new Interrupts();
  readonly #live = new LiveNames((query) => this.#child?.send(query));
  readonly #debugger: Debugger;
  readonly #debugRequests: DebugRequests;
  #started = false;
  #child: EngineChild | undefined;
  /** The child once its worker can stop it. */
  #readyChild: EngineChild | undefined;
  /** The child that an interrupt ended. */
  #unstoppable: EngineChild | undefined;
  #ready: Promise<void> = Promise.resolve();
  #check: CellSettings['check'];
  /** The end of each shell's newest cell: cells of one shell take turns. */
  readonly #turns = new Map<string | undefined, Promise<unknown>>();
  readonly #running = new Map<string, RunningCell>();
  #newestRequest = '';
  #disposed: () => void = () => {};
  #restarting = false;
  #shutdown: Promise<void> | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#check = options.check;
    this.#checker = new Checker(options.folder, options.globalsTypes, options.moduleTypes);
    this.#preparation = new Preparation({
      checker: this.#checker,
      log: options.log,
      check: () => this.#check,
      output: (requestId, output) => this.onOutput(requestId, output),
    });
    this.#debugger = this.#createDebugger();
    this.#debugRequests = new DebugRequests(this.#debugger);
  }

  start(): void {
    if (this.#started || this.#shutdown !== undefined) return;
    this.#started = true;
    this.#spawn();
    if (this.#check !== 'off') this.#checker.start().catch(() => {});
    void this.#ready.then(swc, () => {});
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
    const { subshell } = request;
    const before = this.#turns.get(subshell);
    const outcome = before === undefined ? this.#execute(request) : before.then(() => this.#execute(request));
    this.#turns.set(subshell, outcome);
    void outcome.then(() => {
      if (this.#turns.get(subshell) === outcome) this.#turns.delete(subshell);
    });
    return outcome;
  }

  async comm(requestId: string, message: CommMessage): Promise<boolean> {
    this.start();
    await this.#ready.catch(() => {});
    // An interrupt that is under way must not hit a message that came after it.
    await this.#interrupts.over;
    if (this.#child === undefined) return false;
    const handled = this.#comms.begin(requestId, message);
    this.#child.send({ kind: 'comm', requestId, message });
    return handled;
  }

  async complete(code: string, cursor: number): Promise<CompletionList> {
    const { completeAt } = await import('./front/completion.js');
    return completeAt(this.#checker, code, cursor, { folder: this.#options.folder, live: this.#live }).catch(() => ({
      matches: [],
      start: cursor,
      end: cursor,
    }));
  }

  async inspect(code: string, cursor: number, detailLevel: 0 | 1): Promise<InspectionResult> {
    const { inspectAt } = await import('./front/inspection.js');
    return inspectAt(this.#checker, code, cursor, detailLevel).catch(() => ({ found: false, data: {} }));
  }

  async isComplete(code: string): Promise<CompletenessResult> {
    return completenessOf(code);
  }

  async interrupt(): Promise<void> {
    const stopping = [...this.#running.values()].filter((cell) => cell.interrupt());
    const requestIds = [...stopping.map(({ requestId }) => requestId), ...this.#comms.running];
    const child = this.#child;
    // Also when no cell runs: timers of cells that have ended may throw or spin for ever.
    if (child === undefined || child !== this.#readyChild) return;
    const stuck = (): boolean => stopping.some((cell) => this.#running.get(cell.requestId) === cell);
    this.#interrupts.begin(child, requestIds, stuck, () => {
      for (const cell of stopping) cell.killed = 'cell.unstoppable';
      this.#unstoppable = child;
    });
  }

  debug(request: Record<string, unknown>): Promise<DapResponse> {
    this.start();
    return this.#debugRequests.answer(request);
  }

  async restart(): Promise<void> {
    this.start();
    for (const cell of this.#running.values()) cell.killed = 'cell.restarted';
    const child = this.#child;
    this.#restarting = true;
    child?.kill();
    await child?.closed;
    this.#restarting = false;
    await this.#ready.catch(() => {});
  }

  shutdown(): Promise<void> {
    this.#shutdown ??= this.#end();
    return this.#shutdown;
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && this.#running.size === 0 && this.#debugger.stop === undefined) {
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
    this.#ready = new Promise((resolve, reject) => {
      const child = new EngineChild(
        { folder: this.#options.folder, globalsModule: this.#options.globalsModule, check: this.#check },
        {
          message: (message) => {
            if (message.kind === 'ready') {
              this.#readyChild = child;
              resolve();
            } else this.#onMessage(message);
          },
          native: (name, text) => this.onOutput(this.#newestRequest, { kind: 'stream', name, text }),
          interrupted: (id) => this.#interrupts.arrived(id),
          inspector: (message) => this.#debugger.receive(message),
          ended: (reason, heapFull) => {
            if (this.#shutdown === undefined) this.#options.log.write(`the process that runs cells ended: ${reason}`);
            if (heapFull !== undefined) this.#options.log.write(heapFull);
            reject(new EngineError('engine.child-failed', `The process that runs cells did not start: ${reason}`));
            this.#onEnd(child, reason, heapFull !== undefined);
          },
        },
      );
      this.#child = child;
    });
    this.#ready.catch(() => {});
  }

  #onMessage(message: FromMain): void {
    switch (message.kind) {
      case 'output':
        this.onOutput(message.requestId || this.#newestRequest, message.output);
        break;
      case 'outcome':
        if (message.result !== undefined) {
          this.onOutput(message.requestId, { kind: 'result', data: message.result, metadata: {} });
        }
        this.#running.get(message.requestId)?.outcome(message.outcome);
        break;
      case 'comm':
        this.#comms.note(message.message);
        this.onComm(message.requestId || this.#newestRequest, message.message);
        break;
      case 'comm-done':
        this.#comms.end(message.requestId, message.known);
        break;
      case 'input':
        void this.#ask(message);
        break;
      case 'globals':
        this.#live.globals = message.names;
        break;
      case 'members':
        this.#live.answer(message.queryId, message.names);
        break;
      case 'settings':
        this.#check = message.settings.check;
        break;
      case 'debug-log':
        this.#debugger.log(message.text);
        break;
      case 'disposed':
        this.#disposed();
        break;
    }
  }

  async #ask({ requestId, inputId, question }: Extract<FromMain, { kind: 'input' }>): Promise<void> {
    const [cell, child] = [this.#running.get(requestId), this.#child];
    let answer: InputAnswer = { status: 'refused', why: 'cell-ended' };
    if (cell !== undefined && !cell.over.aborted) {
      answer = await this.onInput(requestId, question, cell.over);
      // Code that was interrupted must not go on, also not by a rejection.
      if (cell.interrupted) return;
    }
    child?.send({ kind: 'input-answer', inputId, answer });
  }

  /** The child is gone: say so in the cell that ran, forget its variables, and start the next one. */
  #onEnd(child: EngineChild, reason: string, heapFull: boolean): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#checker.files.clear();
    this.#live.globals = [];
    for (const close of this.#comms.lost()) this.onComm(this.#newestRequest, close);
    if (this.#shutdown === undefined && this.#readyChild === child) this.#spawn();
    this.#debugger.lost(reason);
    const killed = this.#unstoppable === child ? 'cell.unstoppable' : 'cell.process-ended';
    const why: Loss = heapFull ? 'cell.out-of-memory' : killed;
    const lost = [...this.#running.values()].filter((cell) => cell.inChild);
    for (const cell of lost) cell.lost(why, reason, this.#logLine());
    if (lost.length > 0 || this.#shutdown !== undefined || this.#restarting) return;
    const { traceback } = lossError(why, reason, this.#logLine());
    this.onOutput(this.#newestRequest, { kind: 'stream', name: 'stderr', text: `${traceback.join('\n')}\n` });
  }

  async #execute(request: CellRequest): Promise<CellOutcome> {
    if (this.#shutdown !== undefined) {
      return { status: 'error', ...engineError('ShutDown', 'engine.shut-down', 'the engine was shut down') };
    }
    this.#newestRequest = request.requestId;
    const cell = new RunningCell(request.requestId);
    this.#running.set(request.requestId, cell);
    this.#run(request, cell).catch((error: unknown) => {
      const code = error instanceof EngineError ? error.code : 'engine.child-failed';
      this.#options.log.write(`${request.requestId}: ${(error as Error).stack}`);
      const why = (error as Error).message;
      cell.end({ status: 'error', ...engineError('EngineError', code, why, [this.#logLine()]) });
    });
    const outcome = await cell.ended;
    this.#running.delete(request.requestId);
    this.#debugger.cellEnded();
    setImmediate(() => this.#checker.makeRoom()); // behind all that its end makes others say
    return outcome;
  }

  async #run(request: CellRequest, cell: RunningCell): Promise<void> {
    this.start();
    const prepared = await this.#preparation.cell(request);
    if (!('staged' in prepared)) return cell.end({ status: 'error', ...prepared });
    const { text, names, staged } = prepared;
    if (this.#child === undefined) this.#spawn();
    await this.#ready;
    // An interrupt of another cell must be over, or it could hit this one.
    await this.#interrupts.over;
    await this.#debugger.beforeRun({ code: request.code, text, names });
    if (cell.interrupted) return this.#checker.files.discard(staged);
    cell.inChild = true;
    const { requestId, executionCount, silent } = request;
    const expressions = Object.entries(request.userExpressions).map(([name, code]) => ({
      name,
      text: this.#preparation.expression(name, code),
    }));
    this.#child?.send({ kind: 'execute', requestId, executionCount, silent, text, names, expressions });
    this.#checker.files.publish(staged);
  }

  #createDebugger(): Debugger {
    return new Debugger({
      folder: this.#options.folder,
      sourceFolder: join(tmpdir(), `npulab_${process.pid}`),
      ready: () => this.#ready,
      send: (message) => {
        this.#child?.sendToWorker(message);
        return this.#child !== undefined;
      },
      event: (event) => this.onDebugEvent(event),
      interrupt: () => this.interrupt(),
      earlierNames: () => this.#checker.files.earlierNames(),
      declare: (name) => {
        // A cell that has run already: the checker lets later cells use what it declares.
        const declaration = analyzeCell(`let ${name}: any = undefined;`);
        this.#checker.files.publish(this.#checker.stage(declaration, undefined));
      },
    });
  }

  #logLine(): string {
    return `log: ${this.#options.log.path}`;
  }
}
