/**
 * Evaluates texts in V8's REPL mode through an inspector session of this thread, and gets at the values behind its
 * answers. Knows no cell. Surprise: an answer that a termination took away still comes, as an error, when V8 collects
 * what waited for it: in the middle of an allocation, where the `Error` that Node makes of it may abort the process.
 */
import { type Runtime, Session } from 'node:inspector';

/** Receives an answer: an error of the inspector (it ended a terminated call), or what the text gave. */
export type OnAnswer = (error: Error | null, reply: Runtime.EvaluateReturnType) => void;

/** The session that evaluates cells. */
export class Repl {
  #session = connected();
  #taken: unknown;
  /** Evaluations without an answer. */
  #owed = 0;

  /** Runs a text and awaits its value. The values of the answer are there while `onAnswer` runs. */
  evaluate(expression: string, onAnswer: OnAnswer): void {
    const session = this.#session;
    // Not silent: V8 would let no exception of it stop the debugger. replMode is missing in @types/node.
    const parameters = { expression, replMode: true, objectGroup: 'cell', silent: false };
    this.#owed += 1;
    session.post('Runtime.evaluate', parameters as Runtime.EvaluateParameterType, (error, reply) => {
      if (session === this.#session) this.#owed -= 1;
      onAnswer(error, reply);
      const { result, exceptionDetails } = reply ?? {};
      if (result?.objectId !== undefined || exceptionDetails !== undefined)
        session.post('Runtime.releaseObjectGroup', { objectGroup: 'cell' });
    });
  }

  /** The value of a text that runs no code; undefined where it would. */
  peek(expression: string): unknown {
    let value: unknown;
    const parameters: Runtime.EvaluateParameterType = {
      ...{ expression, silent: true, throwOnSideEffect: true, objectGroup: 'names' },
    };
    this.#session.post('Runtime.evaluate', parameters, (error, answer) => {
      if (error === null && answer.exceptionDetails === undefined) value = this.fetch(answer.result);
    });
    this.#session.post('Runtime.releaseObjectGroup', { objectGroup: 'names' });
    return value;
  }

  /** Gives up every answer that has not come: they come now, as errors. Nothing of ours may be evaluated meanwhile. */
  giveUp(): void {
    if (this.#owed === 0) return;
    const old = this.#session;
    this.#session = connected();
    this.#owed = 0;
    old.disconnect();
  }

  /** Lets go of the inspector, so that the process can end without waiting for a debugger. */
  close(): void {
    this.#session.disconnect();
  }

  /** Receives a value from the script that `fetch` runs. */
  readonly take = (value: unknown): void => {
    this.#taken = value;
  };

  /** The value itself behind the inspector's description of it. */
  fetch(remote: Runtime.RemoteObject): unknown {
    if (remote.objectId !== undefined) {
      this.#session.post('Runtime.callFunctionOn', {
        functionDeclaration: '(value) => __npulab.take(value)',
        objectId: remote.objectId,
        arguments: [{ objectId: remote.objectId }],
        silent: true,
      });
      const value = this.#taken;
      this.#taken = undefined;
      return value;
    }
    const special = remote.unserializableValue;
    if (special === undefined) return remote.subtype === 'null' ? null : remote.value;
    return special.endsWith('n') ? BigInt(special.slice(0, -1)) : Number(special);
  }
}

function connected(): Session {
  const session = new Session();
  session.connect();
  return session;
}
