/**
 * Which cell does the running code belong to? Promises carry their cell in a private field (V8's promise hooks), timers
 * in a wrapper. Knows no output. Surprise: no async_hooks and no AsyncLocalStorage, which would make each await cost three times
 * as much. Callbacks of sockets, files and emitters carry no mark: they count for the newest cell.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { promiseHooks } from 'node:v8';

/** A cell as its asynchronous work sees it. */
export interface CellMark {
  readonly requestId: string;
  readonly label: string;
  /** Timers that have not fired; an interrupt drops them. */
  readonly timers: Set<{ drop(): void }>;
  interrupted: boolean;
}

/** A constructor that gives back what it is given, so that a class derived from it adds its fields to any object. */
const Given = class {
  constructor(given: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is what it is for.
    return given;
  }
};

/** Puts the cell on a promise in a private field: neither the user's code nor a printed promise shows it. */
class Mark extends Given {
  #cell: CellMark;

  constructor(promise: object, cell: CellMark) {
    super(promise);
    this.#cell = cell;
  }

  static of(promise: object): CellMark | undefined {
    return #cell in promise ? promise.#cell : undefined;
  }
}

/** The newest cell: owner of what carries no mark. */
let newest: CellMark | undefined;
let current: CellMark | undefined;
const stack: (CellMark | undefined)[] = [];
const thrownBy = new WeakMap<object, CellMark>();

/** The cell that the running code belongs to. */
export function currentCell(): CellMark | undefined {
  return current ?? newest;
}

/** Makes `cell` the newest and the running one. */
export function enterCell(cell: CellMark): void {
  newest = cell;
  current = cell;
  stack.length = 0;
}

/** After a termination V8 runs no `finally`: forget what was running. Gives its cell. */
export function forgetRunning(): CellMark | undefined {
  const cell = current;
  current = undefined;
  stack.length = 0;
  return cell;
}

/** The cell whose timer or promise threw `error`, as far as it is known. */
export function cellOf(error: unknown, promise?: object): CellMark | undefined {
  const own = promise === undefined ? undefined : Mark.of(promise);
  if (own !== undefined) return own;
  if (typeof error === 'object' && error !== null) return thrownBy.get(error) ?? currentCell();
  return currentCell();
}

/** Says whether an interrupt had to terminate what ran and has not been answered yet. */
let terminating = (): boolean => false;

/** Starts marking. Call once, before user code. */
export function installAttribution(isTerminating: () => boolean): void {
  terminating = isTerminating;
  promiseHooks.createHook({
    init(promise: Promise<unknown>, parent: Promise<unknown>) {
      const cell = current ?? (parent === undefined ? undefined : Mark.of(parent));
      if (cell !== undefined) new Mark(promise, cell);
    },
    before(promise: Promise<unknown>) {
      stack.push(current);
      current = Mark.of(promise);
    },
    after() {
      current = stack.pop();
    },
  });
  wrapTimers();
}

/** Runs `callback` as `cell`; remembers the cell of what it throws. */
export function runAs<A extends unknown[]>(
  cell: CellMark | undefined,
  callback: (...args: A) => unknown,
  self: unknown,
  args: A,
): unknown {
  const before = current;
  current = cell;
  try {
    return callback.apply(self, args);
  } catch (error) {
    if (cell !== undefined && typeof error === 'object' && error !== null) thrownBy.set(error, cell);
    lastThrow = cell;
    throw error;
  } finally {
    current = before;
  }
}

let lastThrow: CellMark | undefined;

/** The cell whose timer threw last; for thrown primitives, which no map can hold. */
export function takeLastThrow(): CellMark | undefined {
  const cell = lastThrow;
  lastThrow = undefined;
  return cell;
}

type Callback = (...args: unknown[]) => unknown;

function wrapTimers(): void {
  const timers = createRequire(import.meta.url)('node:timers') as Record<string, unknown>;
  for (const [set, clear, repeats] of [
    ['setTimeout', 'clearTimeout', false],
    ['setInterval', 'clearInterval', true],
    ['setImmediate', 'clearImmediate', false],
  ] as const) {
    const original = globalThis[set] as unknown as (callback: Callback, ...rest: unknown[]) => object;
    const cancel = globalThis[clear] as unknown as (handle: unknown) => void;
    const wrapped = (callback: unknown, ...rest: unknown[]): object => {
      const cell = current;
      if (typeof callback !== 'function' || cell === undefined) return original(callback as Callback, ...rest);
      if (cell.interrupted) return original(() => {}, ...rest.slice(0, 1));
      const entry = { drop: () => cancel(handle) };
      const handle = original(
        function (this: unknown, ...args: unknown[]) {
          if (!repeats) cell.timers.delete(entry);
          runNoting(cell, callback as Callback, this, args);
        },
        ...rest,
      );
      cell.timers.add(entry);
      owners.set(handle, { cell, entry });
      return handle;
    };
    const wrappedCancel = (handle: unknown): void => {
      if (typeof handle === 'object' && handle !== null) {
        const owner = owners.get(handle);
        owner?.cell.timers.delete(owner.entry);
      }
      cancel(handle);
    };
    for (const key of Object.getOwnPropertySymbols(original)) {
      Object.defineProperty(wrapped, key, { value: promisedTimer(wrapped, set), configurable: true });
    }
    for (const [name, value] of [
      [set, wrapped],
      [clear, wrappedCancel],
    ] as const) {
      Object.defineProperty(value, 'name', { value: name });
      Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true });
      timers[name] = value;
    }
  }
  const later = (owner: { [key: string]: unknown }, key: string): void => {
    const original = owner[key] as (callback: Callback, ...args: unknown[]) => void;
    const wrapped = (callback: unknown, ...args: unknown[]): void => {
      const cell = current;
      if (typeof callback !== 'function' || cell === undefined) original.call(owner, callback as Callback, ...args);
      else {
        const run = (...given: unknown[]): void => {
          // A chain of callbacks that throw survives terminations, which then hit the report of the error.
          if (terminating() || cell.interrupted) return;
          chained.delete(cell);
          runNoting(cell, callback as Callback, undefined, given);
        };
        if (throwing.has(cell)) chained.add(cell);
        original.call(owner, run, ...args);
      }
    };
    Object.defineProperty(wrapped, 'name', { value: key });
    owner[key] = wrapped;
  };
  later(globalThis as never, 'queueMicrotask');
  later(process as never, 'nextTick');
  const promises = createRequire(import.meta.url)('node:timers/promises') as Record<string, unknown>;
  promises.setTimeout = promisedTimer(globalThis.setTimeout as never, 'setTimeout');
  promises.setImmediate = promisedTimer(globalThis.setImmediate as never, 'setImmediate');
  syncBuiltinESMExports();
}

/** Cells with a callback that has thrown: it may do so for ever, also when its cell has ended. */
const throwing = new Set<CellMark>();
/** Those of them with a microtask or tick that waits. */
const chained = new Set<CellMark>();

/** Runs a callback from the event loop, and notes that it threw. */
function runNoting(cell: CellMark, callback: Callback, self: unknown, args: unknown[]): void {
  try {
    runAs(cell, callback, self, args);
  } catch (error) {
    throwing.add(cell);
    throw error;
  }
}

const owners = new WeakMap<object, { cell: CellMark; entry: { drop(): void } }>();

/** `timers/promises` and `util.promisify(setTimeout)` over the wrapped timers, so that an interrupt drops them too. */
function promisedTimer(timer: (callback: Callback, ...rest: unknown[]) => object, kind: string) {
  return (...args: unknown[]): Promise<unknown> => {
    const [delayMs, value, options] = kind === 'setImmediate' ? [undefined, args[0], args[1]] : args;
    const signal = (options as { signal?: AbortSignal } | undefined)?.signal;
    return new Promise((resolve, reject) => {
      const fail = (): void =>
        reject(
          Object.assign(new Error('The operation was aborted', { cause: signal?.reason }), {
            name: 'AbortError',
            code: 'ABORT_ERR',
          }),
        );
      if (signal?.aborted === true) return fail();
      const done = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve(value);
      };
      const handle = kind === 'setImmediate' ? timer(done) : timer(done, delayMs);
      const abort = (): void => {
        (kind === 'setImmediate' ? clearImmediate : clearTimeout)(handle as never);
        fail();
      };
      signal?.addEventListener('abort', abort, { once: true });
      if ((options as { ref?: boolean } | undefined)?.ref === false) (handle as { unref?(): void }).unref?.();
    });
  };
}

/** Ends the asynchronous work of an interrupted cell: its timers never fire again. */
export function dropTimers(cell: CellMark): void {
  cell.interrupted = true;
  for (const entry of cell.timers) entry.drop();
  cell.timers.clear();
}

/**
 * The same for cells whose callbacks have thrown and have not ended; gives those cells. Timers end where `timersToo`; a chain of
 * microtasks or ticks ends in any case, since no other code gets its turn beside it.
 */
export function dropThrowing(timersToo: boolean): readonly CellMark[] {
  const goesOn = (cell: CellMark): boolean => chained.has(cell) || (timersToo && cell.timers.size > 0);
  const dropped = [...throwing].filter((cell) => !cell.interrupted && goesOn(cell));
  for (const cell of dropped) {
    dropTimers(cell);
    throwing.delete(cell);
    chained.delete(cell);
  }
  return dropped;
}
