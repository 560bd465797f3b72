/**
 * From a decoded request to its reply: busy, the handler, the reply after all outputs, idle. Knows how many requests are
 * open and when reading shell must pause; refuses to know sockets and message contents.
 *
 * Surprising: after an error twice as many requests are read as otherwise, in order to refuse them (`executor.ts`).
 */
import { Comms } from './comms.js';
import type { ChannelName } from './connection-file.js';
import type { Scope } from './handler.js';
import type { History } from './history/history.js';
import { Inputs } from './inputs.js';
import type { Language } from './language.js';
import type { Json, Message, Outgoing } from './message.js';
import { handlers } from './messages/table.js';
import { Outputs } from './outputs.js';
import { errorReply, type Reply, type Request } from './request.js';
import type { IoPub } from './sockets/iopub.js';
import type { RequestSocket } from './sockets/requests.js';
import { Subshells } from './subshells.js';

/** Unanswered shell requests after which reading pauses. */
export const maxOpenRequests = 10_000;
/** Unsent bytes of one socket after which reading pauses. */
export const maxQueuedBytes = 64 * 1024 * 1024;

/** The sockets that requests come from and answers go to. */
export interface Channels {
  readonly iopub: IoPub;
  readonly shell: RequestSocket;
  readonly control: RequestSocket;
  readonly stdin: RequestSocket;
}

/** What a dispatcher needs. */
export interface DispatcherHost {
  readonly language: Language;
  readonly history: History;
  /** Bound by the time the first request is received. */
  channels(): Channels;
  ports(): Readonly<Record<ChannelName, number>>;
  readonly log: (line: string) => void;
  readonly maxOpenRequests: number;
  interrupt(): Promise<void>;
  /** A shutdown_request has been answered. */
  onShutdown(restart: boolean): void;
}

/** Answers requests. */
export class Dispatcher {
  readonly #host: DispatcherHost;
  readonly #subshells: Subshells;
  readonly #scope: Scope;
  readonly #inputs: Inputs;
  /** Headers of the shell requests that are being answered, in the order in which they began. */
  readonly #busyWith = new Set<Json>();
  #openCount = 0;
  #draining = false;
  #wake = (): void => {};
  #shutdownAsked: { restart: boolean } | undefined;

  constructor(host: DispatcherHost) {
    const { language, history } = host;
    const publish = (type: string, content: Outgoing['content'], parent: Json): void =>
      void host.channels().iopub.publish({ type, content, parent });
    const outputs = new Outputs(publish);
    const inputs = new Inputs(() => host.channels().stdin);
    this.#inputs = inputs;
    language.onInput = (requestId, question, signal) => inputs.ask(requestId, question, signal);
    language.onOutput = (requestId, output) => outputs.emit(requestId, output);
    let debugRequest: Json = {};
    language.onDebugEvent = (event) => publish('debug_event', { ...event }, debugRequest);
    const bracket = (request: Request, work: () => Promise<Reply | undefined>) => this.#bracket(request, work);
    this.#host = host;
    this.#subshells = new Subshells({
      language,
      outputs,
      history,
      inputs,
      publish,
      publishSoon: (type, content, parent) => host.channels().iopub.publishSoon({ type, content, parent }),
      bracket,
      drain: () => this.#drain(),
    });
    this.#scope = {
      language,
      history,
      subshells: this.#subshells,
      comms: new Comms({
        language,
        outputs,
        publish: (message) => void host.channels().iopub.publish(message),
      }),
      ports: host.ports,
      publish,
      debugFor: (header) => {
        debugRequest = header;
      },
      interrupt: () => host.interrupt(),
      requestShutdown: (restart) => {
        this.#shutdownAsked = { restart };
        this.#subshells.clear();
      },
    };
  }

  /** Answers a request; never throws. */
  receive(request: Request): void {
    const type = request.message.header.msg_type;
    this.#openCount += 1;
    void this.#answer(request)
      .catch((error: Error) => this.#host.log(`${type}: ${error.stack ?? error.message}`))
      .finally(() => {
        this.#openCount -= 1;
        this.#wake();
        // Answered and idle: now the kernel may go.
        if (this.#shutdownAsked && type === 'shutdown_request') this.#host.onShutdown(this.#shutdownAsked.restart);
      });
  }

  /** Takes a message on stdin; one that answers nothing is logged and dropped. */
  receiveInput(message: Message): void {
    const { msg_type: type } = message.header;
    if (type === 'input_reply' && this.#inputs.take(message)) return;
    this.#host.log(`stdin: ${type} answers no open question`);
  }

  /** Resolves when one more request may be read from shell. */
  async mayRead(): Promise<void> {
    const { iopub, shell } = this.#host.channels();
    for (;;) {
      if (this.#openCount >= this.#limit()) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (shell.queuedBytes > maxQueuedBytes) await shell.flushed();
      else if (iopub.queuedBytes > maxQueuedBytes) await iopub.flushed();
      else return;
    }
  }

  #limit(): number {
    return (this.#draining ? 2 : 1) * this.#host.maxOpenRequests;
  }

  async #drain(): Promise<void> {
    const { shell } = this.#host.channels();
    this.#draining = true;
    this.#wake();
    while (shell.readable && this.#openCount < this.#limit()) await new Promise((resolve) => setImmediate(resolve));
    this.#draining = false;
  }

  #answer(request: Request): Promise<void> {
    const { msg_type: type, subshell_id: subshell } = request.message.header;
    const executor = this.#subshells.of(request.channel === 'shell' ? subshell : undefined);
    if (!executor) return this.#bracket(request, async () => this.#unknownSubshell(type, subshell));
    if (type === 'execute_request') return executor.push(request);
    return this.#bracket(request, () => this.#handle(request));
  }

  #unknownSubshell(type: string, id: unknown): Reply | undefined {
    const reason = `no subshell ${String(id)}`;
    if (type.endsWith('_request')) return errorReply(type, 'UnknownSubshell', reason);
    this.#host.log(`${type}: ${reason}`);
    return undefined;
  }

  async #handle(request: Request): Promise<Reply | undefined> {
    const type = request.message.header.msg_type;
    const handler = handlers.get(type);
    if (!handler) {
      this.#host.log(`${request.channel}: unknown message type ${JSON.stringify(type)}`);
      return undefined;
    }
    try {
      return await handler(request, this.#scope);
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      if (!type.endsWith('_request')) {
        this.#host.log(`${type}: ${message}`);
        return undefined;
      }
      return errorReply(type, name, message);
    }
  }

  async #bracket(request: Request, work: () => Promise<Reply | undefined>): Promise<void> {
    const { iopub, ...channels } = this.#host.channels();
    const { identities, header: parent } = request.message;
    const status = (state: string, of: Json = parent) => ({
      ...{ type: 'status', content: { execution_state: state }, parent: of },
    });
    if (request.channel === 'shell') this.#busyWith.add(parent);
    iopub.publishSoon(status('busy'));
    try {
      const reply = await work();
      await iopub.flushed();
      if (reply) await channels[request.channel].reply(identities, { ...reply, parent });
    } finally {
      this.#busyWith.delete(parent);
    }
    const idle = iopub.publish(status('idle'));
    // Front ends and Jupyter's server take the newest status for the kernel's: it says again that a cell still runs (0052).
    const [other] = this.#busyWith;
    if (other) void iopub.publish(status('busy', other));
    await idle;
  }
}
