/**
 * A kernel's Jupyter side: five sockets, one dispatcher, one life. Knows what opens and what ends; refuses to know any
 * language.
 *
 * Bounds: `maxOpenRequests` unanswered requests and `maxQueuedBytes` of unsent bytes; beyond, shell is not read (ZeroMQ
 * then holds 1000 messages per client and pushes back). Control and heartbeat are always read.
 */
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type { ChannelName, Connection } from './connection-file.js';
import { type Channels, Dispatcher, maxOpenRequests } from './dispatcher.js';
import { register } from './handshake.js';
import { type History, memoryHistory } from './history/history.js';
import type { Language } from './language.js';
import { Writer } from './message.js';
import { Signer } from './signature.js';
import { openHeartbeat } from './sockets/heartbeat.js';
import { openIoPub } from './sockets/iopub.js';
import { openRequests, type RequestSocketOptions } from './sockets/requests.js';

/** How long a language may take to end; then the kernel goes without it. */
const shutdownGraceMs = 5000;

/** What a server is made of. */
export interface ServerOptions {
  readonly connection: Connection;
  readonly language: Language;
  /** One line about something that is nobody's reply: a dropped message, an unknown type. */
  readonly log: (line: string) => void;
  /** Unanswered shell requests after which reading pauses; 10 000 by default. */
  readonly maxOpenRequests?: number;
  /** Where cells are remembered; without one they are until the kernel ends. */
  readonly history?: History;
  /** Name in the headers; the user's by default. */
  readonly username?: string;
}

/** A running kernel. */
export interface Server {
  /** Session id of every message this kernel sends. */
  readonly session: string;
  /** The address of each socket, with the port that was chosen where the connection left it open. */
  readonly endpoints: Readonly<Record<ChannelName, string>>;
  /** Settles when a shutdown_request has been answered and everything is closed. */
  readonly closed: Promise<{ readonly restart: boolean }>;
  /** Same effect as an interrupt_request: for SIGINT. */
  interrupt(): Promise<void>;
  /** Ends language and sockets without a request; harmless twice. */
  close(): Promise<void>;
}

/**
 * Binds the sockets, tells a launcher that asked for it, and answers until shut down.
 *
 * @throws ProtocolError `protocol.cannot-bind`, `protocol.not-registered`; no socket stays open then, and the language is the caller's to end.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { connection, language, log } = options;
  const { endpoints, security } = connection;
  const signer = new Signer(connection.hash, connection.key);
  const writer = new Writer(signer, { session: randomUUID(), username: options.username ?? userName() });
  const history = options.history ?? memoryHistory();
  const life = new Life(language, history, log);
  const interrupt = once(() => language.interrupt());
  let channels: Channels | undefined;
  const dispatcher = new Dispatcher({
    language,
    history,
    channels: () => channels!,
    ports: () => portsOf(bound),
    log,
    maxOpenRequests: options.maxOpenRequests ?? maxOpenRequests,
    interrupt,
    onShutdown: (restart) => void life.end(restart),
  });
  const requests = (name: 'shell' | 'control' | 'stdin', rest: Pick<RequestSocketOptions, 'onMessage' | 'mayRead'>) =>
    openRequests({ name, endpoint: endpoints[name], signer, writer, security, log, ...rest });
  let bound: Record<ChannelName, string>;
  try {
    const heartbeat = life.keep(await openHeartbeat(endpoints.hb, security));
    const iopub = life.keep(await openIoPub(endpoints.iopub, { writer, security, log }));
    const shell = await requests('shell', {
      onMessage: (message) => dispatcher.receive({ channel: 'shell', message }),
      mayRead: () => dispatcher.mayRead(),
    });
    life.keep(shell);
    const control = await requests('control', {
      onMessage: (message) => dispatcher.receive({ channel: 'control', message }),
    });
    life.keep(control);
    const stdin = await requests('stdin', { onMessage: (message) => dispatcher.receiveInput(message) });
    life.keep(stdin);
    channels = { iopub, shell, control, stdin };
    for (const socket of [shell, control, stdin]) socket.start();
    const addresses = Object.entries({ ...channels, hb: heartbeat }).map(([name, { endpoint }]) => [name, endpoint]);
    bound = Object.fromEntries(addresses);
    if (connection.registration) await register(connection.registration, { ports: portsOf(bound), signer, writer });
  } catch (error) {
    life.closeSockets();
    throw error;
  }
  return {
    session: writer.session,
    endpoints: bound,
    closed: life.ended,
    interrupt,
    async close() {
      await life.end(false);
      await life.ended;
    },
  };
}

/** Ports of bound addresses; of an ipc path its suffix. */
function portsOf(endpoints: Readonly<Record<ChannelName, string>>): Record<ChannelName, number> {
  const ports = Object.entries(endpoints).map(([name, endpoint]) => [name, Number(/\d+$/.exec(endpoint)?.[0])]);
  return Object.fromEntries(ports);
}

/** What is open, and its one end. */
class Life {
  readonly ended: Promise<{ readonly restart: boolean }>;
  readonly #language: Language;
  readonly #history: History;
  readonly #log: (line: string) => void;
  readonly #sockets: { close(): void }[] = [];
  #settle: (value: { restart: boolean }) => void = () => {};
  #ending = false;

  constructor(language: Language, history: History, log: (line: string) => void) {
    this.#language = language;
    this.#history = history;
    this.#log = log;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  keep<T extends { close(): void }>(socket: T): T {
    this.#sockets.push(socket);
    return socket;
  }

  closeSockets(): void {
    for (const socket of this.#sockets) socket.close();
  }

  async end(restart: boolean): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#log('shutdown: the language did not end in time');
        resolve();
      }, shutdownGraceMs);
    });
    const gone = this.#language.shutdown().catch((error: Error) => this.#log(`shutdown: ${error.message}`));
    await Promise.race([Promise.all([gone, this.#history.flushed()]), late]);
    clearTimeout(timer);
    this.#language.onOutput = () => {};
    this.#language.onComm = () => {};
    this.#language.onDebugEvent = () => {};
    this.closeSockets();
    this.#settle({ restart });
  }
}

/** Calls that come while one is under way share its effect. */
function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work().finally(() => {
      running = undefined;
    });
    return running;
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'kernel';
  }
}
