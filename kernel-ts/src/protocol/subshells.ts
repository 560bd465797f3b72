/**
 * The main shell and its subshells (JEP 91): each has a queue of cells of its own, all share one execution count. Knows which
 * exist; refuses to know how their cells run side by side.
 *
 * Surprising: one thread runs all user code, so a subshell's cell runs while the main cell awaits, never while it computes.
 */
import { randomUUID } from 'node:crypto';
import { Counts, Executor, type ExecutorHost } from './executor.js';

/** The shells of a kernel. */
export class Subshells {
  readonly #host: ExecutorHost;
  readonly #counts = new Counts();
  readonly #main: Executor;
  readonly #named = new Map<string, Executor>();

  constructor(host: ExecutorHost) {
    this.#host = host;
    this.#main = new Executor(host, this.#counts);
  }

  /** Names of the subshells, oldest first. */
  get ids(): string[] {
    return [...this.#named.keys()];
  }

  /** A new subshell's name. */
  create(): string {
    const id = randomUUID();
    this.#named.set(id, new Executor(this.#host, this.#counts, id));
    return id;
  }

  /** Removes a subshell; its cell that runs ends by itself, those that wait are not run. False where there is none. */
  remove(id: string): boolean {
    const executor = this.#named.get(id);
    executor?.clear();
    return this.#named.delete(id);
  }

  /** The queue of a subshell, or of the main shell without a name. */
  of(id: unknown): Executor | undefined {
    return id === undefined || id === null ? this.#main : this.#named.get(String(id));
  }

  /** Forgets all that has not started; the kernel is ending. */
  clear(): void {
    for (const executor of [this.#main, ...this.#named.values()]) executor.clear();
  }
}
