/**
 * One stop of the code: its frames as the user wrote them, and what each can be asked. Lives until the code runs on. Knows
 * V8's frames and scopes; refuses to know why the code stopped.
 */
import { EngineError } from '../errors.js';
import { offsetOf, piecesOf } from '../positions.js';
import type { DapSource } from './dap.js';
import { type Evaluated, type Inspector, Plain, type RemoteObject } from './inspector.js';
import type { Script, Scripts } from './scripts.js';

/** A frame of V8's. */
export interface CallFrame {
  readonly callFrameId: string;
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number };
  readonly scopeChain: readonly { readonly type: string; readonly object: RemoteObject }[];
  readonly this: RemoteObject;
}

/** A frame of the user's. */
export interface Frame {
  readonly id: number;
  readonly name: string;
  readonly source: DapSource;
  readonly line: number;
  readonly column: number;
  readonly call: CallFrame;
  readonly script: Script;
}

/** A scope as the front end sees it. */
export interface ShownScope {
  readonly name: string;
  readonly presentationHint?: string;
  readonly variablesReference: number;
  readonly expensive: false;
}

const MAX_EVALUATION_MS = 10_000;
/** Scopes that make up what a user calls the locals. */
const LOCAL = ['local', 'block', 'catch', 'with', 'eval', 'wasm-expression-stack'];

export class Stop {
  readonly frames: readonly Frame[];
  readonly #inspector: Inspector;
  /** Frame by the number of its scopes that may be set. */
  readonly #scopeFrames = new Map<number, Frame>();

  /** `firstId` is the number of the first frame: numbers are not used twice. */
  constructor(inspector: Inspector, scripts: Scripts, calls: readonly CallFrame[], firstId: number) {
    this.#inspector = inspector;
    this.frames = calls.flatMap((call, at) => {
      const script = scripts.get(call.location.scriptId);
      if (script === undefined) return [];
      const { line, column } = scripts.place(script, call.location.lineNumber, call.location.columnNumber ?? 0);
      const source = scripts.source(script.path, script.run?.text);
      const name = isTop(call) ? source.name : call.functionName || '(anonymous)';
      return [{ id: firstId + at, name, source, line, column, call, script }];
    });
  }

  /** Whether what is thrown here ends a cell: its own code is the first that was called. */
  get endsCell(): boolean {
    const first = this.frames.at(-1);
    return first?.script.run !== undefined && isTop(first.call);
  }

  /** Whether the code of a cell stands behind its last statement: V8 stops there once more, the user sees nothing new. */
  get atEnd(): boolean {
    const [top] = this.frames;
    const text = top?.script.run?.text;
    const last = text === undefined ? undefined : piecesOf(text.trail).at(-1);
    if (top === undefined || text === undefined || last === undefined || !isTop(top.call)) return false;
    const { lineNumber, columnNumber = 0 } = top.call.location;
    return offsetOf(text.js, lineNumber, columnNumber) >= last[0] + last[2];
  }

  /** @throws EngineError `debug.unknown-frame`. */
  frame(id: number): Frame {
    const frame = this.frames.find((one) => one.id === id);
    if (frame === undefined) throw new EngineError('debug.unknown-frame', `there is no frame ${id}`);
    return frame;
  }

  /** The frame that a scope's variables belong to, by the scope's number. */
  scopeFrame(reference: number): Frame | undefined {
    return this.#scopeFrames.get(reference);
  }

  async scopes(frame: Frame): Promise<ShownScope[]> {
    const { call, script } = frame;
    const objects = (types: readonly string[]): RemoteObject[] =>
      call.scopeChain
        .filter(({ type }) => types.includes(type))
        .map(({ object }) => object)
        .reverse();
    const words =
      script.run === undefined
        ? null
        : [...new Set(script.run.code.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu) ?? [])];
    const scope = (names: readonly string[], self: RemoteObject | Plain, of: readonly RemoteObject[]) =>
      this.#inspector.call('scope', new Plain(words), new Plain(names), self, ...of);
    const nothing = new Plain(undefined);
    const scopes: ShownScope[] = [];
    const add = async (name: string, presentationHint: string | undefined, reference: Promise<unknown>) => {
      const variablesReference = (await reference) as number;
      this.#scopeFrames.set(variablesReference, frame);
      const hint = presentationHint === undefined ? {} : { presentationHint };
      scopes.push({ name, ...hint, variablesReference, expensive: false });
    };
    const ownNames = isTop(call) ? (script.run?.names ?? []) : [];
    const self = isTop(call) ? nothing : call.this;
    await add('Locals', 'locals', scope(ownNames, self, objects(LOCAL)));
    for (const [name, type] of [
      ['Closure', 'closure'],
      ['Module', 'module'],
    ] as const) {
      const found = objects([type]);
      if (found.length > 0) await add(name, undefined, scope([], nothing, found));
    }
    await add('Globals', undefined, this.#inspector.call('names'));
    return scopes;
  }

  /** Evaluates JavaScript in a frame. An error of the code is a result here, not a rejection. */
  async evaluate(frame: Frame, expression: string, options: { readonly pure: boolean }): Promise<Evaluated> {
    // To be stoppable is an effect; and only the text that V8 is given itself may name private fields.
    const isDirect = options.pure || /\.#/.test(expression);
    return (await this.#inspector.command('Debugger.evaluateOnCallFrame', {
      callFrameId: frame.call.callFrameId,
      expression: isDirect ? expression : `__npulab.debug.stoppable.run(() => eval(${JSON.stringify(expression)}))`,
      silent: true,
      throwOnSideEffect: options.pure,
      ...(isDirect ? { timeout: MAX_EVALUATION_MS } : {}),
    })) as Evaluated;
  }
}

/** Whether the frame is a script's own code, in no function. */
function isTop(call: CallFrame): boolean {
  return call.functionName === '' && !call.scopeChain.some(({ type }) => type === 'local');
}
