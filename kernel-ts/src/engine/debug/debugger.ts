/**
 * The debugger of cells: its life, and when the code stops and runs on. Knows V8's inspector and the protocol's events;
 * what each request does is in `commands.ts`; it refuses to know requests. Surprise: off, it only remembers texts. V8's debugger is enabled by
 * `initialize` and disabled by `disconnect`.
 */
import type { ToWorker } from '../channel.js';
import { EngineError } from '../errors.js';
import type { FromInspector } from '../front/child-process.js';
import type { EarlierNames } from '../front/compile.js';
import type { ChildrenAsked, ShownVariable } from '../shown-variable.js';
import { Breakpoints } from './breakpoints.js';
import type { DapEvent } from './dap.js';
import { Inspector, Plain, type RemoteObject } from './inspector.js';
import { Scripts } from './scripts.js';
import { type Run, Sources } from './sources.js';
import { type CallFrame, Stop } from './stop.js';

/** What the debugger needs of the engine. */
export interface DebuggerHost {
  /** The notebook's folder. */
  readonly folder: string;
  /** Where the names of cells seem to lie. */
  readonly sourceFolder: string;
  /** Resolves when the process that runs cells can be asked. */
  ready(): Promise<void>;
  /** False where there is no such process. */
  send(message: ToWorker): boolean;
  event(event: DapEvent): void;
  interrupt(): Promise<void>;
  earlierNames(): EarlierNames;
  /** Lets cells use a name that the debugger has declared. */
  declare(name: string): void;
}

/** Why the code stopped, while it is stopped. */
export interface Exception {
  readonly value: RemoteObject;
  readonly uncaught: boolean;
}

/** A pause that has not come about is asked for again after this time. */
const PAUSE_AGAIN_MS = 50;

/** The one thread that cells run on. */
export const THREAD = { id: 1, name: 'cells' } as const;

export class Debugger {
  readonly host: DebuggerHost;
  readonly inspector: Inspector;
  readonly sources: Sources;
  readonly scripts: Scripts;
  readonly breakpoints: Breakpoints;
  /** Where the code is stopped, while it is. */
  stop: Stop | undefined;
  exception: Exception | undefined;
  #on = false;
  /** Lines and columns that the front end counts from 0 are shifted by 1. */
  firstLine = 1;
  firstColumn = 1;
  /** Whether variables carry their type. */
  typed = true;
  #pauseOn: 'none' | 'uncaught' | 'all' = 'none';
  /** What the front end has asked for and V8 has not reached. */
  #wants: 'step' | 'pause' | undefined;
  #pausing: NodeJS.Timeout | undefined;
  #sequence = 0;
  #frameIds = 1;
  #enabling: Promise<void> = Promise.resolve();

  constructor(host: DebuggerHost) {
    this.host = host;
    this.inspector = new Inspector((message) => host.send(message));
    this.sources = new Sources(host.sourceFolder);
    this.scripts = new Scripts(this.sources, host.folder);
    this.breakpoints = new Breakpoints(this.inspector, this.sources, this.scripts);
    this.breakpoints.onPlaced = (breakpoint) => {
      const line = breakpoint.line - 1 + this.firstLine;
      this.emit('breakpoint', { reason: 'changed', breakpoint: { ...breakpoint, line } });
    };
    this.inspector.onEvent = (method, params) => {
      if (method === 'Debugger.scriptParsed') this.scripts.add(params);
      else if (method === 'Debugger.resumed')
        this.#ranOn(); // by an interrupt
      else if (method === 'Debugger.paused' && this.#on) void this.#onPaused(params).catch(() => {});
    };
  }

  /** Whether a front end debugs. */
  get isOn(): boolean {
    return this.#on;
  }

  /** A cell is about to run. Resolves when its breakpoints are set; at once where nobody debugs. */
  beforeRun(run: Run): Promise<void> | undefined {
    this.sources.add(run);
    if (!this.#on) return undefined;
    const path = this.sources.pathOf(run.code);
    return this.#enabling.then(() => this.breakpoints.beforeRun(path, run)).catch(() => {});
  }

  /** A cell has ended: a step that was to reach its next line is over. */
  cellEnded(): void {
    if (this.#wants === 'step') this.#wants = undefined;
  }

  receive(message: FromInspector): void {
    this.inspector.receive(message);
  }

  /** A line for the console, from a log point. */
  log(text: string): void {
    this.emit('output', { category: 'console', output: text });
  }

  /** The process that ran cells is gone; the next one is debugged too. */
  lost(why: string): void {
    this.inspector.lost('debug.process-ended', why);
    this.scripts.clear();
    this.sources.forgetRuns();
    this.#wants = undefined;
    this.#ranOn();
    if (this.#on) this.#enable();
  }

  /** Number of the next message to the front end. */
  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  /** Tells the front end. */
  emit(event: string, body?: object): void {
    this.host.event({ seq: this.nextSequence(), type: 'event', event, ...(body === undefined ? {} : { body }) });
  }

  /** Resolves when V8 knows what is wanted. */
  get enabled(): Promise<void> {
    return this.#enabling;
  }

  /** Starts to debug; harmless twice. */
  async start(): Promise<void> {
    if (!this.#on) {
      this.#on = true;
      this.#enable();
    }
    await this.#enabling;
  }

  /** Ends debugging: V8's debugger is off, stopped code runs on. */
  async end(): Promise<void> {
    if (!this.#on) return;
    this.#on = false;
    this.#pauseOn = 'none';
    this.#wants = undefined;
    this.breakpoints.clear();
    this.scripts.clear();
    await this.inspector.release().catch(() => {});
    // Answered when it is done: the next cell must not stop any more.
    await this.inspector.command('Debugger.disable').catch(() => {});
    this.inspector.end();
    this.#ranOn();
    this.emit('terminated');
  }

  async pauseOnExceptions(state: 'none' | 'uncaught' | 'all'): Promise<void> {
    this.#pauseOn = state;
    await this.#tellPauseOn();
  }

  /** Where the code is stopped. @throws EngineError `debug.not-stopped`. */
  stopped(): Stop {
    if (this.stop === undefined) throw new EngineError('debug.not-stopped', 'the code is not stopped');
    return this.stop;
  }

  /** What a number stands for. @throws EngineError `debug.unknown-reference`. */
  async children(reference: number, asked: Partial<ChildrenAsked> = {}): Promise<ShownVariable[]> {
    const found = await this.inspector.call('children', new Plain(reference), new Plain(asked));
    if (found === undefined) {
      throw new EngineError('debug.unknown-reference', `there is no variablesReference ${reference}`);
    }
    const all = asked.filter === 'indexed' ? [] : await this.#privateOf(reference);
    return [...all, ...(found as ShownVariable[])].map((one) => this.forClient(one));
  }

  /** Fields with a `#`, which only V8 can read. */
  async #privateOf(reference: number): Promise<ShownVariable[]> {
    const { objectId } = await this.inspector.reach('ofClass', new Plain(reference));
    if (objectId === undefined) return [];
    const { privateProperties = [] } = (await this.inspector.command('Runtime.getProperties', {
      objectId,
      ownProperties: true,
    })) as { privateProperties?: readonly { readonly name: string; readonly value?: RemoteObject }[] };
    const fields = privateProperties.flatMap(({ name, value }) => (value === undefined ? [] : [{ name, value }]));
    return Promise.all(
      fields.map(
        ({ name, value }) =>
          this.inspector.call('privateField', new Plain(reference), new Plain(name), value) as Promise<ShownVariable>,
      ),
    );
  }

  /** A variable as this front end wants it. */
  forClient(variable: ShownVariable): ShownVariable {
    if (this.typed) return variable;
    const { type: _, ...rest } = variable;
    return rest;
  }

  /** Lets stopped code go on: to its end, or for a step. @throws EngineError `debug.not-stopped`. */
  async go(method: 'resume' | 'stepOver' | 'stepInto' | 'stepOut'): Promise<void> {
    this.stopped();
    this.#wants = method === 'resume' ? undefined : 'step';
    void this.inspector.release().catch(() => {});
    this.#ranOn();
    await this.inspector.command(`Debugger.${method}`);
  }

  /**
   * Stops at the next line that runs. V8 may forget the wish: it stops in code of Node's, and the step from there to the
   * user's ends with the stack. So it is told again until it has stopped.
   */
  async pause(): Promise<void> {
    if (this.stop !== undefined) return;
    this.#wants = 'pause';
    await this.inspector.command('Debugger.pause');
    clearInterval(this.#pausing);
    this.#pausing = setInterval(() => {
      if (this.#wants === 'pause') void this.inspector.command('Debugger.pause').catch(() => {});
      else clearInterval(this.#pausing);
    }, PAUSE_AGAIN_MS);
    this.#pausing.unref();
  }

  #enable(): void {
    this.#enabling = this.host.ready().then(async () => {
      await this.inspector.command('Debugger.enable');
      this.scripts.hidden = (await this.inspector.call('hidden')) as string[];
      const folders = this.scripts.hidden.map((folder) => folder.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      await this.inspector.command('Debugger.setBlackboxPatterns', {
        patterns: ['^node:', ...folders.map((folder) => `^(file://)?${folder}`)],
      });
      await this.#tellPauseOn();
      await this.breakpoints.again();
    });
    this.#enabling.catch(() => {});
  }

  /** V8 takes what a cell throws behind an `await` for caught, since the kernel looks at it: it tells all, and we choose. */
  async #tellPauseOn(): Promise<void> {
    const state = this.#pauseOn === 'none' ? 'none' : 'all';
    await this.inspector.command('Debugger.setPauseOnExceptions', { state });
  }

  /** The code runs: what was known of its stop is void. */
  #ranOn(): void {
    if (this.stop === undefined) return;
    this.stop = undefined;
    this.exception = undefined;
    this.emit('continued', { threadId: THREAD.id, allThreadsContinued: true });
  }

  async #onPaused(params: Record<string, unknown>): Promise<void> {
    const { callFrames, hitBreakpoints } = params as {
      callFrames: readonly CallFrame[];
      hitBreakpoints?: readonly string[];
    };
    const { reason, data } = reasonOf(params);
    if (reason === 'instrumentation') return this.#beforeFile(data);
    const stop = new Stop(this.inspector, this.scripts, callFrames, this.#frameIds);
    this.#frameIds += callFrames.length;
    const top = this.scripts.get(callFrames[0]?.location.scriptId ?? '');
    const hit = (hitBreakpoints ?? []).map((one) => this.breakpoints.idOf(one)).filter((id) => id !== undefined);
    const thrown = reason === 'exception' || reason === 'promiseRejection';
    const uncaught = thrown && (data?.uncaught === true || (reason === 'promiseRejection' && stop.endsCell));
    if (thrown && this.#pauseOn === 'uncaught' && !uncaught) return this.#passOn(stop);
    // Node's own functions cannot all be left out by V8 (their scripts belong to no context): they are stepped out of.
    if (top === undefined && !(thrown && stop.frames.length > 0)) return this.#passOn(stop);
    const why = thrown
      ? 'exception'
      : hit.length > 0
        ? 'breakpoint'
        : (this.#wants ?? (this.#atStatement(stop) ? 'breakpoint' : undefined));
    if (why === undefined) return this.#passOn(undefined); // a step whose cell has ended
    if (why === 'step' && stop.atEnd) {
      await this.inspector.command('Debugger.stepOver');
      return;
    }
    this.#wants = undefined;
    this.stop = stop;
    this.exception = thrown ? { value: data as unknown as RemoteObject, uncaught } : undefined;
    const text = thrown ? { text: String(data?.description ?? data?.value ?? '').split('\n    at ')[0] } : {};
    this.emit('stopped', {
      reason: why,
      threadId: THREAD.id,
      allThreadsStopped: true,
      ...text,
      ...(hit.length > 0 ? { hitBreakpointIds: hit } : {}),
    });
  }

  /** Whether the code stands at a `debugger` statement. */
  #atStatement({ frames: [top] }: Stop): boolean {
    if (top === undefined) return false;
    const { lineNumber, columnNumber = 0 } = top.call.location;
    const line = top.script.run?.text.js.split('\n')[lineNumber];
    return line === undefined || line.startsWith('debugger', columnNumber);
  }

  /** Leaves code that is not the user's: back to the user's where it was called from there, else on. */
  async #passOn(stop: Stop | undefined): Promise<void> {
    const back = stop !== undefined && stop.frames.length > 0 && this.#wants === 'step';
    // A pause waits for the user's code, which a step into whatever runs will reach.
    const method = this.#wants === 'pause' ? 'stepInto' : back ? 'stepOut' : 'resume';
    await this.inspector.command(`Debugger.${method}`);
  }

  /** V8 is about to run a file that carries a source map. */
  async #beforeFile(data: Record<string, unknown> | undefined): Promise<void> {
    const script = this.scripts.get(String(data?.scriptId));
    try {
      if (script !== undefined) await this.breakpoints.inFile(script);
    } finally {
      await this.inspector.command(this.#wants === 'step' ? 'Debugger.stepOver' : 'Debugger.resume');
    }
  }
}

/** Why V8 stopped; an exception comes before whatever else it gives as a reason. */
function reasonOf(params: Record<string, unknown>): { reason: string; data: Record<string, unknown> | undefined } {
  const { reason, data } = params as { reason: string; data?: Record<string, unknown> };
  if (reason !== 'ambiguous') return { reason, data };
  const reasons = (data?.reasons ?? []) as readonly { reason: string; auxData?: Record<string, unknown> }[];
  const found = reasons.find((one) => /^(exception|promiseRejection)$/.test(one.reason)) ?? reasons[0];
  return { reason: found?.reason ?? reason, data: found?.auxData };
}
