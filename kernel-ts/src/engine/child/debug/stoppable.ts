/**
 * Runs what a user typed into the debugger so that an interrupt ends it. Knows no debugger. Surprise: only a SIGINT can, which an
 * interrupt sends to this process too: while Node carries out an inspector command of another thread it takes no other
 * command, so the termination that ends cells would wait until the expression has ended by itself.
 */
import { Script } from 'node:vm';
import type { SignalGate } from '../signal-gate.js';

/** `vm` listens for the signal only while a script of its own runs. */
const SCRIPT = new Script('__npulab.debug.stoppable.inScript()', { filename: 'node:npulab' });

export class Stoppable {
  readonly #gate: SignalGate;
  #code: (() => unknown) | undefined;

  constructor(gate: SignalGate) {
    this.#gate = gate;
  }

  /** Gives what `code` gives, and throws what it throws. */
  run(code: () => unknown): unknown {
    this.#code = code;
    this.#gate.close();
    try {
      return SCRIPT.runInThisContext({ breakOnSigint: true, displayErrors: false });
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
      throw new Error('the expression was interrupted');
    } finally {
      this.#gate.free();
    }
  }

  /** Called by the script. */
  inScript(): unknown {
    const code = this.#code;
    this.#code = undefined;
    this.#gate.open();
    try {
      return code?.();
    } finally {
      this.#gate.shut();
    }
  }
}
