/**
 * Requests about values: looking into them, evaluating, setting, copying. Knows how a name is reached in a frame and between
 * cells; how a value is shown is the child's to know (`child/debug/values.ts`).
 */
import { EngineError } from '../errors.js';
import type { ChildrenAsked, ShownVariable } from '../shown-variable.js';
import { evaluable, expression } from './code.js';
import type { Arguments } from './dap.js';
import type { Debugger } from './debugger.js';
import { type Evaluated, Plain, type RemoteObject, thrownText } from './inspector.js';

/** Code that waits for longer is left alone: it may never end. */
const MAX_WAIT_MS = 5000;

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** `variables` */
export async function children(args: Arguments, debug: Debugger): Promise<ShownVariable[]> {
  const filter = args.optionalString('filter');
  if (filter !== undefined && filter !== 'indexed' && filter !== 'named') {
    throw new EngineError(
      'debug.bad-request',
      `variables.arguments.filter must be "indexed" or "named", not "${filter}"`,
    );
  }
  const asked: ChildrenAsked = {
    filter: filter as ChildrenAsked['filter'],
    start: args.optionalInteger('start'),
    count: args.optionalInteger('count'),
  };
  if ((asked.start ?? 0) < 0 || (asked.count ?? 0) < 0) {
    throw new EngineError('debug.bad-request', 'variables.arguments.start and count must not be negative');
  }
  return debug.children(args.integer('variablesReference'), asked);
}

/** `evaluate` */
export async function evaluate(args: Arguments, debug: Debugger): Promise<object> {
  const code = args.string('expression');
  const pure = args.optionalString('context') === 'hover';
  const result = await valueIn(
    evaluable(code, debug.host.earlierNames()),
    args.optionalInteger('frameId'),
    debug,
    pure,
  );
  const { value, ...rest } = withoutName(await shown('result', result, debug));
  return { result: value, ...rest };
}

/** `setExpression` */
export async function setExpression(args: Arguments, debug: Debugger): Promise<object> {
  const [target, value] = [args.string('expression'), args.string('value')];
  const code = evaluable(`${target} = (${value}\n)`, debug.host.earlierNames());
  return withoutName(await shown(target, await valueIn(code, args.optionalInteger('frameId'), debug, false), debug));
}

/** `setVariable` */
export async function setVariable(args: Arguments, debug: Debugger): Promise<object> {
  const [reference, name, value] = [args.integer('variablesReference'), args.string('name'), args.string('value')];
  const stop = debug.stopped();
  if ((await debug.inspector.call('isScope', new Plain(reference))) === true) {
    const frame = stop.scopeFrame(reference);
    if (frame === undefined || !IDENTIFIER.test(name)) {
      throw new EngineError('debug.bad-expression', `${name} cannot be set here`);
    }
    const code = evaluable(`${name} = (${value}\n)`, debug.host.earlierNames());
    return withoutName(await shown(name, await valueIn(code, frame.id, debug, false), debug));
  }
  const frame = stop.frames[0];
  const result = await valueIn(expression(value), frame?.id, debug, false);
  const set = await debug.inspector.call('set', new Plain(reference), new Plain(name), result);
  return withoutName(debug.forClient(set as ShownVariable));
}

/** `richInspectVariables`: the MIME bundle of a variable, or of the expression that JupyterLab made for a part of one. */
export async function bundleOf(args: Arguments, debug: Debugger): Promise<object> {
  const js = expression(args.string('variableName'));
  const frameId = args.optionalInteger('frameId');
  let data: unknown;
  if (debug.stop !== undefined) {
    const value = await valueIn(js, frameId ?? debug.stop.frames[0]?.id, debug, false);
    data = await debug.inspector.call('bundleNow', value);
  } else {
    const code = `(async () => __npulab.debug.bundle(${js}))()`;
    data = (await global(code, debug, { awaitPromise: true, returnByValue: true })).value;
  }
  return { data, metadata: {} };
}

/** `copyToGlobals`: a frame's value under a name that every cell sees. */
export async function copyToGlobals(args: Arguments, debug: Debugger): Promise<object> {
  const [from, to] = [args.string('srcVariableName'), args.string('dstVariableName')];
  if (!IDENTIFIER.test(to)) throw new EngineError('debug.bad-expression', `${JSON.stringify(to)} is no name`);
  const frame = debug.stopped().frame(args.integer('srcFrameId'));
  const value = await valueIn(expression(from), frame.id, debug, false);
  await debug.inspector.call('keep', value);
  // Its answer waits for microtasks, which do not run before the code does; the declaration itself has been carried out.
  const declaration = `let ${to} = __npulab.debug.take(${JSON.stringify(to)});`;
  const declaring = debug.inspector.command('Runtime.evaluate', {
    expression: declaration,
    replMode: true,
    silent: true,
  });
  declaring.catch(() => {});
  const [found] = await debug.children((await debug.inspector.call('names', new Plain([to]))) as number);
  if (found === undefined) throw new EngineError('debug.bad-expression', `${to} cannot be declared for all cells`);
  debug.host.declare(to);
  return withoutName(found);
}

/** The value of JavaScript: in a frame where one is named, else as a cell would see it. */
async function valueIn(js: string, frameId: number | undefined, debug: Debugger, pure: boolean): Promise<RemoteObject> {
  if (frameId === undefined) return global(js, debug, { replMode: true, awaitPromise: true, throwOnSideEffect: pure });
  const stop = debug.stopped();
  return resultOf(await stop.evaluate(stop.frame(frameId), js, { pure }));
}

/** Evaluates where all cells share their names. Breakpoints do not stop it. */
async function global(code: string, debug: Debugger, options: object): Promise<RemoteObject> {
  const evaluating = debug.inspector.command('Runtime.evaluate', {
    expression: code,
    silent: true,
    disableBreaks: true,
    ...options,
  }) as Promise<Evaluated>;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const why = `it did not end within ${MAX_WAIT_MS / 1000} s`;
    timer = setTimeout(() => reject(new EngineError('debug.threw', why)), MAX_WAIT_MS);
  });
  evaluating.catch(() => {});
  return resultOf(await Promise.race([evaluating, late]).finally(() => clearTimeout(timer)));
}

function resultOf({ result, exceptionDetails }: Evaluated): RemoteObject {
  if (exceptionDetails !== undefined) throw new EngineError('debug.threw', thrownText(exceptionDetails));
  return result;
}

async function shown(name: string, value: RemoteObject, debug: Debugger): Promise<ShownVariable> {
  return debug.forClient((await debug.inspector.call('show', new Plain(name), value)) as ShownVariable);
}

function withoutName({ name: _, evaluateName: __, presentationHint: ___, ...rest }: ShownVariable) {
  return rest;
}
