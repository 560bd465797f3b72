/**
 * Interrupts on their way to the child: one at a time, for every cell and handler that runs. Knows when one is over, and
 * what happens to a child that does not stop; refuses to know cells.
 */
import type { EngineChild } from './child-process.js';

/** An interrupt without effect for this long ends the child. */
const GRACE_MS = 2000;

/** The interrupt under way. */
export class Interrupts {
  #sequence = 0;
  #current: { readonly id: number; readonly over: Promise<void>; readonly resolve: () => void } | undefined;

  /** Resolves when no termination is under way that could hit code that starts now. */
  get over(): Promise<void> {
    return this.#current?.over ?? Promise.resolve();
  }

  /**
   * Asks the child's worker to stop the requests' code. Harmless while one is under way.
   *
   * @param stuck whether something that was to stop still runs when the grace time has passed
   * @param killing called before the child is killed for it
   */
  begin(child: EngineChild, requestIds: readonly string[], stuck: () => boolean, killing: () => void): void {
    if (this.#current !== undefined) return;
    this.#sequence += 1;
    const id = this.#sequence;
    let resolve = (): void => {};
    const over = new Promise<void>((done) => {
      resolve = done;
    });
    this.#current = { id, over, resolve };
    void child.closed.then(() => this.arrived(id));
    child.sendToWorker({ kind: 'interrupt', id, requestIds });
    const grace = setTimeout(() => {
      if (this.#current?.id !== id && !stuck()) return;
      killing();
      child.kill();
    }, GRACE_MS);
    grace.unref();
  }

  /** The worker says that its interrupt is over. */
  arrived(id: number): void {
    if (this.#current?.id !== id) return;
    this.#current.resolve();
    this.#current = undefined;
  }
}
