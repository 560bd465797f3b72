/**
 * The cell that has not ended: how it ends, and how an interrupt reaches it. Knows that a child runs it; refuses to know
 * what it does.
 */
import type { CellOutcome, ShownError } from '../types.js';
import type { EngineChild } from './child-process.js';
import { engineError } from './shown.js';

/** An interrupt without effect for this long ends the child. */
export const GRACE_MS = 2000;

const interruptedError = (): ShownError => engineError('Interrupted', 'cell.interrupted', 'the cell was interrupted');

/** One cell, from its turn to its outcome. */
export class RunningCell {
  readonly requestId: string;
  readonly ended: Promise<CellOutcome>;
  interrupted = false;
  /** The child has the code: from here on only the child can end the cell. */
  inChild = false;
  readonly #over = new AbortController();
  #resolve: (outcome: CellOutcome) => void = () => {};
  /** Where the child's worker was asked to interrupt: settles when no termination can hit a later cell any more. */
  #settled: { readonly promise: Promise<unknown>; readonly resolve: () => void } | undefined;
  #killed: 'cell.unstoppable' | 'cell.restarted' | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(requestId: string) {
    this.requestId = requestId;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Aborts when the cell ends or is interrupted: nobody waits for its questions then. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Ends the cell; only the first outcome counts. */
  end(outcome: CellOutcome): void {
    this.#over.abort();
    this.#resolve(outcome);
  }

  /** The child says how the code ended. */
  outcome(outcome: CellOutcome): void {
    // A signal may have ended what the cell waited for before the interrupt itself arrived.
    const stopped = this.interrupted && outcome.status === 'error';
    this.end(stopped ? { status: 'error', ...interruptedError() } : outcome);
  }

  /** Asks the child's worker to stop the code; a child that does not within the grace time is killed. */
  interrupt(child: EngineChild | undefined): void {
    if (this.interrupted) return;
    this.interrupted = true;
    this.#over.abort();
    if (!this.inChild) {
      this.end({ status: 'error', ...interruptedError() });
      return;
    }
    let resolve = (): void => {};
    const told = new Promise<void>((done) => {
      resolve = done;
    });
    this.#settled = { promise: Promise.race([told, child?.closed]), resolve };
    child?.sendToWorker({ kind: 'interrupt', requestId: this.requestId });
    this.#grace = setTimeout(() => {
      this.#killed = 'cell.unstoppable';
      child?.kill();
    }, GRACE_MS);
  }

  /** The worker says that its interrupt is over. */
  interruptArrived(): void {
    this.#settled?.resolve();
  }

  /** The child is about to be replaced on request. */
  restarting(): void {
    this.#killed = 'cell.restarted';
  }

  /** The child that ran the code is gone. */
  lost(reason: string, logLine: string): void {
    const why = {
      'cell.unstoppable': 'the code did not stop when interrupted, so its process was ended',
      'cell.restarted': 'the process was restarted',
      'cell.process-ended': `the process that ran the cell ended: ${reason}`,
    };
    const code = this.#killed ?? 'cell.process-ended';
    this.end({
      status: 'error',
      ...engineError('ProcessEnded', code, `${why[code]}; the state is lost`, [logLine]),
    });
  }

  /** Resolves when nothing of the cell's interrupt is under way any more. */
  async quiet(): Promise<void> {
    await this.#settled?.promise;
    clearTimeout(this.#grace);
  }
}
