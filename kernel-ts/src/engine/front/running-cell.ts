/** A cell that has not ended, and how it can end. Knows that a child runs it; refuses to know what it does. */
import type { CellOutcome, ShownError } from '../types.js';
import { engineError } from './shown.js';

const interruptedError = (): ShownError => engineError('Interrupted', 'cell.interrupted', 'the cell was interrupted');

/** Why a child is gone, and with it all variables. */
export type Loss = 'cell.unstoppable' | 'cell.restarted' | 'cell.out-of-memory' | 'cell.process-ended';

/** What is said of a child that is gone; `reason` says how its process ended. */
export function lossError(why: Loss, reason: string, logLine: string): ShownError {
  const words: Readonly<Record<Loss, string>> = {
    'cell.unstoppable': 'the code did not stop when interrupted, so its process was ended',
    'cell.restarted': 'the process was restarted',
    'cell.out-of-memory': 'the memory for JavaScript values is full, so the process that ran the cell ended',
    'cell.process-ended': `the process that ran the cell ended: ${reason}`,
  };
  return engineError('ProcessEnded', why, `${words[why]}; the state is lost`, [logLine]);
}

/** One cell, from its turn to its outcome. */
export class RunningCell {
  readonly requestId: string;
  readonly ended: Promise<CellOutcome>;
  interrupted = false;
  /** The child has the code: from here on only the child can end the cell. */
  inChild = false;
  /** Why the child is about to be killed, if it is. */
  killed: Loss | undefined;
  /** Made when somebody asks for it: its end costs a DOMException. */
  #over: AbortController | undefined;
  #isOver = false;
  #resolve: (outcome: CellOutcome) => void = () => {};

  constructor(requestId: string) {
    this.requestId = requestId;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Aborts when the cell ends or is interrupted: nobody waits for its questions then. */
  get over(): AbortSignal {
    this.#over ??= new AbortController();
    if (this.#isOver) this.#over.abort();
    return this.#over.signal;
  }

  /** Ends the cell; only the first outcome counts. */
  end(outcome: CellOutcome): void {
    this.#finish();
    this.#resolve(outcome);
  }

  /** The child says how the code ended. */
  outcome(outcome: CellOutcome): void {
    // A signal may have ended what the cell waited for before the interrupt itself arrived.
    const stopped = this.interrupted && outcome.status === 'error';
    this.end(stopped ? { status: 'error', ...interruptedError() } : outcome);
  }

  /** Marks the cell as interrupted. True where the child must be asked to stop it. */
  interrupt(): boolean {
    if (this.interrupted) return false;
    this.interrupted = true;
    this.#finish();
    if (!this.inChild) this.end({ status: 'error', ...interruptedError() });
    return this.inChild;
  }

  #finish(): void {
    this.#isOver = true;
    this.#over?.abort();
  }

  /** The child that ran the code is gone; `why` unless it was killed. */
  lost(why: Loss, reason: string, logLine: string): void {
    this.end({ status: 'error', ...lossError(this.killed ?? why, reason, logLine) });
  }
}
