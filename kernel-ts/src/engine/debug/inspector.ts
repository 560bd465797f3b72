/** The front's end of the pipe to V8's inspector (`child/debug/inspector-pipe.ts`). Knows commands and answers, no debugger. */
import type { ToWorker } from '../channel.js';
import { EngineError } from '../errors.js';
import type { FromInspector } from '../front/child-process.js';

/** V8's description of a value. */
export interface RemoteObject {
  readonly type: string;
  readonly subtype?: string;
  readonly value?: unknown;
  readonly unserializableValue?: string;
  readonly objectId?: string;
  readonly description?: string;
}

/** How an evaluation went. */
export interface Evaluated {
  readonly result: RemoteObject;
  readonly exceptionDetails?: { readonly text: string; readonly exception?: RemoteObject };
}

/** V8's name for the values that were reached. */
const VALUES = 'debug';

interface Waiting {
  resolve(result: object): void;
  reject(error: EngineError): void;
}

export class Inspector {
  readonly #send: (message: ToWorker) => boolean;
  readonly #waiting = new Map<number, Waiting>();
  #sequence = 0;
  #helper: string | undefined;
  /** Called for every event. */
  onEvent: (method: string, params: Record<string, unknown>) => void = () => {};

  /** `send` gives false where there is no process to send to. */
  constructor(send: (message: ToWorker) => boolean) {
    this.#send = send;
  }

  /** Carries out a command. Rejects with `debug.refused` where V8 refuses it. */
  command(method: string, params: Record<string, unknown> = {}): Promise<object> {
    this.#sequence += 1;
    const id = this.#sequence;
    return new Promise((resolve, reject) => {
      if (this.#send({ kind: 'inspect', id, method, params })) this.#waiting.set(id, { resolve, reject });
      else reject(new EngineError('debug.process-ended', 'there is no process that runs cells'));
    });
  }

  /** Calls a function of `child/debug/values.ts`; its result must be JSON. */
  async call(name: string, ...values: readonly (RemoteObject | Plain)[]): Promise<unknown> {
    return (await this.#callHelper(name, values, true)).value;
  }

  /** The same for a result that stays where it is. */
  async reach(name: string, ...values: readonly (RemoteObject | Plain)[]): Promise<RemoteObject> {
    return this.#callHelper(name, values, false);
  }

  async #callHelper(
    name: string,
    values: readonly (RemoteObject | Plain)[],
    returnByValue: boolean,
  ): Promise<RemoteObject> {
    const { result, exceptionDetails } = (await this.command('Runtime.callFunctionOn', {
      objectId: await this.#helperId(),
      functionDeclaration: `function (...values) { return this.${name}(...values); }`,
      arguments: values.map(argumentOf),
      objectGroup: VALUES,
      returnByValue,
      silent: true,
    })) as Evaluated;
    if (exceptionDetails !== undefined) throw new EngineError('debug.refused', thrownText(exceptionDetails));
    return result;
  }

  /** Lets go of every value that was looked at. */
  async release(): Promise<void> {
    await Promise.all([this.call('clear'), this.command('Runtime.releaseObjectGroup', { objectGroup: VALUES })]);
  }

  async #helperId(): Promise<string | undefined> {
    if (this.#helper === undefined) {
      const { result } = (await this.command('Runtime.evaluate', {
        expression: '__npulab.debug',
        silent: true,
      })) as Evaluated;
      this.#helper = result.objectId;
    }
    return this.#helper;
  }

  /** Takes what the pipe brings. */
  receive(message: FromInspector): void {
    if (message.kind === 'inspector-event') {
      this.onEvent(message.method, message.params);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error === undefined) waiting?.resolve(message.result ?? {});
    else waiting?.reject(new EngineError('debug.refused', message.error));
  }

  /** Ends the session; what is still asked is not answered any more. */
  end(): void {
    this.#send({ kind: 'inspect-end' });
    this.lost('debug.refused', 'the debugger was detached');
  }

  /** The session is gone. */
  lost(code: 'debug.refused' | 'debug.process-ended', why: string): void {
    this.#helper = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of waiting) one.reject(new EngineError(code, why));
  }
}

/** A value that is sent as it is. */
export class Plain {
  constructor(readonly value: unknown) {}
}

function argumentOf(value: RemoteObject | Plain): object {
  if (value instanceof Plain) return value.value === undefined ? {} : { value: value.value };
  if (value.objectId !== undefined) return { objectId: value.objectId };
  if (value.unserializableValue !== undefined) return { unserializableValue: value.unserializableValue };
  if (value.type === 'undefined') return {};
  return { value: value.subtype === 'null' ? null : value.value };
}

/** What was thrown, for people: the first line. */
export function thrownText({ text, exception }: NonNullable<Evaluated['exceptionDetails']>): string {
  const said = exception?.description ?? (exception?.value === undefined ? text : String(exception.value));
  return said.split('\n    at ')[0] as string;
}
