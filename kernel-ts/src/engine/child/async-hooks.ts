/**
 * Lets a termination end asynchronous code also in a process whose code uses `async_hooks` or `AsyncLocalStorage`, as many libraries
 * do. Node checks at the end of each callback that every context entered was left; code that was terminated leaves none, and
 * the check aborts the process. Knows no cell. Surprise: the check is switched by two counts that Node shows to no one but
 * `process.binding`, and that it uses for nothing else (`--no-force-async-hooks-checks` sets the first before any hook is enabled).
 */
import { createHook } from 'node:async_hooks';

interface AsyncWrap {
  readonly async_hook_fields: Uint32Array;
  readonly constants: Readonly<Record<string, number>>;
  clearAsyncIdStack(): void;
}

/** What counts hooks of one kind; `kTotals` is their sum. */
const KINDS = ['kInit', 'kBefore', 'kAfter', 'kDestroy', 'kPromiseResolve'];

/** Call once, before user code. Where Node has other insides nothing is done, and such a termination aborts as it always did. */
export function installAsyncHooks(): void {
  const wrap = asyncWrap();
  if (wrap === undefined) return;
  const { async_hook_fields: fields, constants } = wrap;
  const [totals, check] = [constants.kTotals as number, constants.kCheck as number];
  const total = (): number => KINDS.reduce((sum, kind) => sum + (fields[constants[kind] as number] as number), 0);
  const hooks = Object.getPrototypeOf(createHook({})) as Record<'enable' | 'disable', () => unknown>;
  for (const name of ['enable', 'disable'] as const) {
    const original = hooks[name];
    hooks[name] = function (this: unknown): unknown {
      fields[totals] = total(); // Node compares it with what it is afterwards: first hook on, last hook off
      const result = original.call(this);
      fields[totals] = 0;
      fields[check] = 0;
      return result;
    };
    Object.defineProperty(hooks[name], 'name', { value: name });
  }
  clear = () => wrap.clearAsyncIdStack();
}

let clear = (): void => {};

/** After a termination: forgets the contexts that the terminated code has not left. */
export function forgetContexts(): void {
  clear();
}

function asyncWrap(): AsyncWrap | undefined {
  const before = process.noDeprecation;
  process.noDeprecation = true;
  try {
    const { binding } = process as unknown as { binding(name: string): Partial<AsyncWrap> };
    const wrap = binding.call(process, 'async_wrap');
    const { constants } = wrap;
    const known = [...KINDS, 'kTotals', 'kCheck'].every((name) => typeof constants?.[name] === 'number');
    return known && wrap.async_hook_fields instanceof Uint32Array ? (wrap as AsyncWrap) : undefined;
  } catch {
    return undefined;
  } finally {
    if (before === undefined) delete process.noDeprecation;
    else process.noDeprecation = before;
  }
}
