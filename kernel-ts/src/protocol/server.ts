/**
 * A kernel's Jupyter side: five sockets, one writer, one executor. Knows when a request is busy and idle, when reading
 * pauses and how everything ends; refuses to know any language.
 *
 * Bounds: at most {@link maxOpenRequests} unanswered requests and {@link maxQueuedBytes} of unsent bytes; beyond, shell
 * is not read (ZeroMQ then holds 1000 messages per client and pushes back). After an error, twice as many are read in
 * order to refuse them. Control and heartbeat are always read.
 */
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type { Connection } from './connection-file.js';
import { Executor } from './executor.js';
import type { Language } from './language.js';
import { type Json, type Message, Writer } from './message.js';
import { handlers } from './messages/table.js';
import { Outputs } from './outputs.js';
import { errorReply, type Reply, type Request, type Scope } from './request.js';
import { Signer } from './signature.js';
import { openHeartbeat } from './sockets/heartbeat.js';
import { openIoPub } from './sockets/iopub.js';
import { openRequests } from './sockets/requests.js';

/** Unanswered shell requests after which reading pauses. */
export const maxOpenRequests = 10_000;
/** Unsent bytes of one socket after which reading pauses. */
export const maxQueuedBytes = 64 * 1024 * 1024;

/** What a server is made of. */
export interface ServerOptions {
  readonly connection: Connection;
  readonly language: Language;
  /** One line about something that is nobody's reply: a dropped message, an unknown type. */
  readonly log: (line: string) => void;
  /** Unanswered shell requests after which reading pauses, {@link maxOpenRequests} by default. */
  readonly maxOpenRequests?: number;
  /** Name in the headers; the user's by default. */
  readonly username?: string;
}

/** A running kernel. */
export interface Server {
  /** Session id of every message this kernel sends. */
  readonly session: string;
  /** Settles when a shutdown_request has been answered and everything is closed. */
  readonly closed: Promise<{ readonly restart: boolean }>;
  /** Same effect as an interrupt_request: for SIGINT. */
  interrupt(): Promise<void>;
  /** Ends language and sockets without a request; harmless twice. */
  close(): Promise<void>;
}

/**
 * Binds the sockets and answers until shut down.
 *
 * @throws ProtocolError `protocol.cannot-bind`; nothing stays open then.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { connection, language, log } = options;
  const { endpoints } = connection;
  const signer = new Signer(connection.hash, connection.key);
  const writer = new Writer(signer, { session: randomUUID(), username: options.username ?? userName() });
  const opened: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(socket: T): T => {
    opened.push(socket);
    return socket;
  };
  const requests = (
    name: 'shell' | 'control' | 'stdin',
    onMessage: (m: Message) => void,
    mayRead?: () => Promise<void>,
  ) =>
    openRequests({ name, endpoint: endpoints[name], signer, writer, log, onMessage, ...(mayRead ? { mayRead } : {}) });

  const maxOpen = options.maxOpenRequests ?? maxOpenRequests;
  let openCount = 0;
  let draining = false;
  let wake = (): void => {};
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  let ending = false;
  let settleClosed: (value: { restart: boolean }) => void = () => {};
  const closed = new Promise<{ readonly restart: boolean }>((resolve) => {
    settleClosed = resolve;
  });

  try {
    keep(await openHeartbeat(endpoints.hb));
    const iopub = keep(await openIoPub(endpoints.iopub, writer, log));
    const shell = keep(await requests('shell', (m) => receive({ channel: 'shell', message: m }), shellMayRead));
    const control = keep(await requests('control', (m) => receive({ channel: 'control', message: m })));
    const stdin = keep(await requests('stdin', (m) => log(`stdin: unexpected ${m.header.msg_type}`)));
    const channels = { shell, control };
    const publish = (type: string, content: Json, parent: Json): void => void iopub.publish({ type, content, parent });
    const outputs = new Outputs(publish);
    language.onOutput = (requestId, output) => outputs.emit(requestId, output);
    const executor = new Executor({ language, outputs, publish, bracket, drain });
    const scope: Scope = { language, publish, interrupt: interruptOnce, requestShutdown };

    async function shellMayRead(): Promise<void> {
      for (;;) {
        if (openCount >= (draining ? 2 : 1) * maxOpen) await changed();
        else if (shell.queuedBytes > maxQueuedBytes) await shell.flushed();
        else if (iopub.queuedBytes > maxQueuedBytes) await iopub.flushed();
        else return;
      }
    }

    function receive(request: Request): void {
      openCount += 1;
      void answer(request)
        .catch((error: Error) => log(`${request.message.header.msg_type}: ${error.stack ?? error.message}`))
        .finally(() => {
          openCount -= 1;
          wake();
          // Answered and idle: now the kernel may go.
          if (shutdownAsked && request.message.header.msg_type === 'shutdown_request') void end(shutdownAsked.restart);
        });
    }

    function answer(request: Request): Promise<void> {
      const { header } = request.message;
      const subshell = header.subshell_id;
      if (subshell !== undefined && subshell !== null) {
        return bracket(request, async () => errorReply(header.msg_type, 'UnknownSubshell', `no subshell ${subshell}`));
      }
      if (header.msg_type === 'execute_request') return executor.push(request);
      return bracket(request, async () => await handle(request));
    }

    async function handle(request: Request): Promise<Reply | undefined> {
      const type = request.message.header.msg_type;
      const handler = handlers.get(type);
      if (!handler) {
        log(`${request.channel}: unknown message type ${JSON.stringify(type)}`);
        return undefined;
      }
      try {
        return await handler(request, scope);
      } catch (error) {
        const { name, message } = error instanceof Error ? error : new Error(String(error));
        return errorReply(type, name, message);
      }
    }

    async function bracket(request: Request, work: () => Promise<Reply | undefined>): Promise<void> {
      const { identities, header } = request.message;
      publish('status', { execution_state: 'busy' }, header);
      const reply = await work();
      await iopub.flushed();
      if (reply) await channels[request.channel].reply(identities, { ...reply, parent: header });
      await iopub.publish({ type: 'status', content: { execution_state: 'idle' }, parent: header });
    }

    async function drain(): Promise<void> {
      draining = true;
      wake();
      while (shell.readable && openCount < 2 * maxOpen) await nextTurn();
      draining = false;
    }

    let interrupting: Promise<void> | undefined;
    function interruptOnce(): Promise<void> {
      interrupting ??= language.interrupt().finally(() => {
        interrupting = undefined;
      });
      return interrupting;
    }

    let shutdownAsked: { restart: boolean } | undefined;
    function requestShutdown(restart: boolean): void {
      shutdownAsked = { restart };
      executor.clear();
    }

    async function end(restart: boolean): Promise<void> {
      if (ending) return;
      ending = true;
      try {
        await language.shutdown();
      } catch (error) {
        log(`shutdown: ${(error as Error).message}`);
      }
      for (const socket of opened) socket.close();
      settleClosed({ restart });
    }

    for (const socket of [shell, control, stdin]) socket.start();
    return {
      session: writer.session,
      closed,
      interrupt: interruptOnce,
      async close() {
        await end(false);
        await closed;
      },
    };
  } catch (error) {
    for (const socket of opened) socket.close();
    throw error;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'kernel';
  }
}
