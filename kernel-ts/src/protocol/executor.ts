/**
 * Cells take turns. Knows the order busy → execute_input → outputs → error → reply → idle, the counts, and what
 * `stop_on_error` does to the queue; refuses to know how code runs.
 *
 * Surprising: after an error the shell socket is drained *before* the failing cell's reply goes out. So everything the
 * client sent before it could know of the error is refused, and nothing that it sends afterwards.
 */
import type { History } from './history/history.js';
import type { Inputs } from './inputs.js';
import type { ExecuteOutcome, Language } from './language.js';
import type { Json } from './message.js';
import { type ExecuteContent, executeReply, parseExecute } from './messages/execute.js';
import type { Outputs } from './outputs.js';
import { errorContent, errorReply, type Reply, type Request } from './request.js';

/** What the executor needs of the server. */
export interface ExecutorHost {
  readonly language: Language;
  readonly outputs: Outputs;
  readonly history: History;
  readonly inputs: Inputs;
  publish(type: string, content: Json, parent: Json): void;
  /** Publishes in the same order, but lets the cell start first. */
  publishSoon(type: string, content: Json, parent: Json): void;
  /** Publishes busy, runs `work`, sends its reply after all outputs, publishes idle. */
  bracket(request: Request, work: () => Promise<Reply | undefined>): Promise<void>;
  /** Resolves once every message that has already arrived on shell has been handed out. */
  drain(): Promise<void>;
}

/** Counts that all shells of a kernel share. */
export class Counts {
  /** Execution count of the newest stored cell. */
  stored = 0;
  /** Cells started, stored or not. */
  started = 0;
}

/** Runs the execute_requests of one shell, the main one or a subshell, one after the other. */
export class Executor {
  readonly #host: ExecutorHost;
  readonly #counts: Counts;
  readonly #subshell: string | undefined;
  readonly #queue: { request: Request; done: () => void }[] = [];
  #running = false;

  constructor(host: ExecutorHost, counts: Counts, subshell?: string) {
    this.#host = host;
    this.#counts = counts;
    this.#subshell = subshell;
  }

  /** Resolves when the request has been answered. */
  push(request: Request): Promise<void> {
    return new Promise((done) => {
      this.#queue.push({ request, done });
      if (!this.#running) void this.#runAll();
    });
  }

  /** Forgets what has not started; the kernel is ending. */
  clear(): void {
    this.#queue.length = 0;
  }

  async #runAll(): Promise<void> {
    this.#running = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const { request, done } = next;
      let refused: { request: Request; done: () => void }[] = [];
      await this.#host.bracket(request, async () => {
        const { reply, stop } = await this.#run(request);
        if (stop) {
          await this.#host.drain();
          refused = this.#queue.splice(0);
        }
        return reply;
      });
      done();
      for (const late of refused) {
        await this.#host.bracket(late.request, async () => this.#refuse());
        late.done();
      }
    }
    this.#running = false;
  }

  async #run(request: Request): Promise<{ reply: Reply; stop: boolean }> {
    const { message } = request;
    let content: ExecuteContent;
    try {
      content = parseExecute(message);
    } catch (error) {
      const { type, content } = errorReply(message.header.msg_type, (error as Error).name, (error as Error).message);
      return { reply: { type, content: { ...content, execution_count: this.#counts.stored } }, stop: false };
    }
    const { code, silent, userExpressions, cellId } = content;
    const executionCount = this.#counts.stored + 1;
    if (content.storeHistory) {
      this.#counts.stored = executionCount;
      this.#host.history.input(executionCount, code);
    }
    this.#counts.started += 1;
    const requestId = `${this.#counts.started}`;
    this.#host.outputs.register(requestId, message.header, executionCount, silent);
    this.#host.inputs.begin(requestId, message, content.allowStdin);
    if (!silent) this.#host.publishSoon('execute_input', { code, execution_count: executionCount }, message.header);
    const outcome = await this.#execute({
      ...{ requestId, code, cellId, executionCount, silent, userExpressions },
      ...(this.#subshell === undefined ? {} : { subshell: this.#subshell }),
    });
    this.#host.inputs.end(requestId);
    if (outcome.status === 'error') {
      const { ename, evalue, traceback } = outcome;
      this.#host.publish('error', { ename, evalue, traceback }, message.header);
    }
    const result = content.storeHistory ? this.#host.outputs.resultText(requestId) : undefined;
    if (result !== undefined) this.#host.history.output(executionCount, result);
    const stop = outcome.status === 'error' && content.stopOnError && !silent;
    return { reply: { type: 'execute_reply', content: executeReply(outcome, executionCount) }, stop };
  }

  async #execute(request: Parameters<Language['execute']>[0]): Promise<ExecuteOutcome> {
    try {
      return await this.#host.language.execute(request);
    } catch (error) {
      // A language never rejects for the user's errors: this is its own failure, and the kernel goes on.
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      return { status: 'error', ename: name, evalue: message, traceback: [`${name}: ${message}`] };
    }
  }

  #refuse(): Reply {
    const content = errorContent('NotRun', 'not run, because an earlier cell failed (stop_on_error)');
    const more = { execution_count: this.#counts.stored, user_expressions: {}, payload: [] };
    return { type: 'execute_reply', content: { ...content, ...more } };
  }
}
