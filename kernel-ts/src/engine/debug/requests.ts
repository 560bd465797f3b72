/**
 * Debug requests and their answers: every request gets one, a failed one with what to do about it. Knows the envelope;
 * what a command does is in `commands.ts`.
 */
import { EngineError } from '../errors.js';
import { commands } from './commands.js';
import { Arguments, type DapResponse } from './dap.js';
import type { Debugger } from './debugger.js';

export class DebugRequests {
  readonly #debugger: Debugger;
  /** Requests take turns: some change what the next one means. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(debug: Debugger) {
    this.#debugger = debug;
  }

  /** Answers a request; never rejects, whatever it is given. */
  answer(content: Record<string, unknown>): Promise<DapResponse> {
    const answer = this.#turn.then(() => this.#answer(content));
    this.#turn = answer;
    return answer;
  }

  async #answer(content: Record<string, unknown>): Promise<DapResponse> {
    const command = typeof content.command === 'string' ? content.command : '';
    let failure: EngineError | undefined;
    let body: object | undefined;
    try {
      body = await this.#run(content, command);
    } catch (error) {
      failure = error instanceof EngineError ? error : new EngineError('debug.refused', (error as Error).message);
    }
    const head = {
      seq: this.#debugger.nextSequence(),
      type: 'response',
      request_seq: Number.isSafeInteger(content.seq) ? (content.seq as number) : 0,
      success: failure === undefined,
      command,
    } as const;
    if (failure === undefined) return body === undefined ? head : { ...head, body };
    const message = `${failure.message.replace(/\.$/, '')}. ${failure.remedy}`;
    const error = { id: 1, format: '{text}', variables: { text: message, code: failure.code }, showUser: true };
    return { ...head, message, body: { error } };
  }

  async #run(content: Record<string, unknown>, command: string): Promise<object | undefined> {
    if (!Number.isSafeInteger(content.seq)) throw new EngineError('debug.bad-request', 'seq must be a whole number');
    if (content.type !== 'request') throw new EngineError('debug.bad-request', 'type must be "request"');
    const handler = commands.get(command);
    if (handler === undefined) {
      throw new EngineError('debug.unknown-command', `there is no command ${JSON.stringify(content.command)}`);
    }
    if (handler.needs === 'on') {
      if (!this.#debugger.isOn) throw new EngineError('debug.not-started', `${command}: the debugger is not started`);
      await this.#debugger.enabled;
    }
    if (handler.needs === 'child') await this.#debugger.host.ready();
    return handler.run(new Arguments(content.arguments, `${command}.arguments`), this.#debugger);
  }
}
