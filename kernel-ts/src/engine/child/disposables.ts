/**
 * The globals that `using` comes with and that Node 20 lacks, though cells are typed against them: `SuppressedError`,
 * `DisposableStack`, `AsyncDisposableStack` (ECMAScript's explicit resource management). What Node has is left alone.
 */

class Suppressed extends Error {
  readonly error: unknown;
  readonly suppressed: unknown;

  constructor(error: unknown, suppressed: unknown, message = '') {
    super(message);
    this.error = error;
    this.suppressed = suppressed;
  }

  static {
    Object.defineProperty(Suppressed.prototype, 'name', {
      value: 'SuppressedError',
      writable: true,
      configurable: true,
    });
  }
}

/** What both stacks share: what to dispose of, the newest last, and whether that has happened. */
class Stack {
  #entries: (() => unknown)[] | undefined = [];

  get disposed(): boolean {
    return this.#entries === undefined;
  }

  protected push(dispose: () => unknown): void {
    if (this.#entries === undefined) throw new ReferenceError('The stack has been disposed of.');
    this.#entries.push(dispose);
  }

  protected takeAll(): (() => unknown)[] {
    const entries = this.#entries ?? [];
    this.#entries = undefined;
    return entries.reverse();
  }

  protected moveTo<T extends Stack>(other: T): T {
    if (this.#entries === undefined) throw new ReferenceError('The stack has been disposed of.');
    other.#entries = this.#entries;
    this.#entries = undefined;
    return other;
  }

  adopt<T>(value: T, dispose: (value: T) => unknown): T {
    this.push(() => dispose(value));
    return value;
  }

  defer(dispose: () => unknown): void {
    this.push(dispose);
  }
}

function methodOf(value: unknown, ...symbols: symbol[]): (() => unknown) | undefined {
  if (value === null || value === undefined) return undefined;
  const method = symbols.map((symbol) => (value as Record<symbol, unknown>)[symbol]).find((one) => one !== undefined);
  if (typeof method !== 'function') throw new TypeError('The value has no dispose method.');
  return () => method.call(value);
}

/** The failures of disposals so far, as `using` reports them: each one hides the one before. */
function withFailure(before: { error: unknown } | undefined, error: unknown): { error: unknown } {
  return { error: before === undefined ? error : new Suppressed(error, before.error) };
}

class SyncStack extends Stack {
  use<T>(value: T): T {
    const dispose = methodOf(value, Symbol.dispose);
    if (dispose !== undefined) this.push(dispose);
    return value;
  }

  dispose(): void {
    let failure: { error: unknown } | undefined;
    for (const entry of this.takeAll()) {
      try {
        entry();
      } catch (error) {
        failure = withFailure(failure, error);
      }
    }
    if (failure !== undefined) throw failure.error;
  }

  move(): SyncStack {
    return this.moveTo(new SyncStack());
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

class AsyncStack extends Stack {
  use<T>(value: T): T {
    const dispose = methodOf(value, Symbol.asyncDispose, Symbol.dispose);
    if (dispose !== undefined) this.push(dispose);
    return value;
  }

  async disposeAsync(): Promise<void> {
    let failure: { error: unknown } | undefined;
    for (const entry of this.takeAll()) {
      try {
        await entry();
      } catch (error) {
        failure = withFailure(failure, error);
      }
    }
    if (failure !== undefined) throw failure.error;
  }

  move(): AsyncStack {
    return this.moveTo(new AsyncStack());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync();
  }
}

/** Puts the globals in place. Surprise: swc's code for `using` in a block asks for `_SuppressedError`, which it declares under another name. */
export function installDisposables(): void {
  const names = { SuppressedError: Suppressed, DisposableStack: SyncStack, AsyncDisposableStack: AsyncStack };
  for (const [name, value] of Object.entries(names)) {
    Object.defineProperty(value, 'name', { value: name, configurable: true });
    if (!(name in globalThis)) {
      Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
    }
  }
  const value = Reflect.get(globalThis, 'SuppressedError') as unknown;
  Object.defineProperty(globalThis, '_SuppressedError', { value, enumerable: false });
}
