/**
 * A front end for tests, written apart from `src/protocol`: its own framing, its own HMAC. Messages are asserted by
 * receiving exactly the expected sequence.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dealer, Request, Subscriber } from 'zeromq';
import { type History, parseConnection, type Server, startServer } from '../../src/protocol/index.js';
import { EchoLanguage } from './echo-language.js';

export interface Received {
  readonly identities: string[];
  readonly signature: string;
  readonly header: Record<string, unknown> & { msg_id: string; msg_type: string };
  readonly parent: Record<string, unknown> & { msg_id?: string };
  readonly metadata: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into contents.
  readonly content: any;
  readonly buffers: Buffer[];
}

export type Channel = 'shell' | 'control' | 'stdin';

export function hmac(key: string, parts: readonly string[]): string {
  if (key === '') return '';
  const digest = createHmac('sha256', key);
  for (const part of parts) digest.update(part);
  return digest.digest('hex');
}

/** Any JSON connection file; what a Jupyter client would write. */
export type ConnectionJson = Record<string, string | number> & { key: string; ip: string; transport: string };

export class FrontEnd {
  readonly session = randomUUID();
  readonly #json: ConnectionJson;
  readonly #sockets: Record<Channel, Dealer>;
  readonly #iopub = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });

  private constructor(json: ConnectionJson) {
    this.#json = json;
    const routingId = randomUUID(); // one for all sockets: an input_request finds its client by it
    const dealer = (): Dealer => new Dealer({ routingId, sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 0 });
    this.#sockets = { shell: dealer(), control: dealer(), stdin: dealer() };
  }

  /** Connects and waits for the welcome, which must be the first message. */
  static async connect(json: ConnectionJson, topic = ''): Promise<FrontEnd> {
    const end = new FrontEnd(json);
    const { endpoints } = parseConnection(json);
    for (const name of ['shell', 'control', 'stdin'] as const) end.#sockets[name].connect(endpoints[name]);
    end.#iopub.subscribe(topic);
    end.#iopub.connect(endpoints.iopub);
    const first = await end.iopub();
    if (first.header.msg_type !== 'iopub_welcome') throw new Error(`first message was ${first.header.msg_type}`);
    end.welcome = first;
    return end;
  }

  welcome: Received | undefined;

  header(type: string, more: object = {}): Record<string, unknown> & { msg_id: string } {
    const date = new Date().toISOString();
    return {
      msg_id: randomUUID(),
      msg_type: type,
      session: this.session,
      username: 'u',
      date,
      version: '5.4',
      ...more,
    };
  }

  /** Sends and returns the message id. */
  async send(
    channel: Channel,
    type: string,
    content: object = {},
    more: { metadata?: object; header?: object; parent?: object; buffers?: Buffer[] } = {},
  ): Promise<string> {
    const header = this.header(type, more.header);
    const parts = [header, more.parent ?? {}, more.metadata ?? {}, content].map((p) => JSON.stringify(p));
    await this.raw(channel, ['<IDS|MSG>', hmac(this.#json.key, parts), ...parts, ...(more.buffers ?? [])]);
    return header.msg_id;
  }

  /** Sends frames as they are. */
  raw(channel: Channel, frames: (string | Buffer)[]): Promise<void> {
    return this.#sockets[channel].send(frames);
  }

  execute(code: string, more: object = {}, metadata: object = {}): Promise<string> {
    return this.send('shell', 'execute_request', { code, ...more }, { metadata });
  }

  async receive(channel: Channel): Promise<Received> {
    return this.#decode(await this.#sockets[channel].receive());
  }

  async iopub(): Promise<Received> {
    return this.#decode(await this.#iopub.receive());
  }

  /** iopub messages up to and including the idle of a request. */
  async until(messageId: string): Promise<Received[]> {
    const all: Received[] = [];
    for (;;) {
      const message = await this.iopub();
      all.push(message);
      const idle = message.header.msg_type === 'status' && message.content.execution_state === 'idle';
      if (idle && message.parent.msg_id === messageId) return all;
    }
  }

  close(): void {
    for (const socket of [...Object.values(this.#sockets), this.#iopub]) socket.close();
  }

  #decode(frames: Buffer[]): Received {
    const texts = frames.map((frame) => frame.toString('utf8'));
    const at = texts.indexOf('<IDS|MSG>');
    const [signature, ...parts] = texts.slice(at + 1) as [string, ...string[]];
    if (signature !== hmac(this.#json.key, parts.slice(0, 4))) throw new Error('the kernel signed wrongly');
    const [header, parent, metadata, content] = parts.slice(0, 4).map((part) => JSON.parse(part));
    const buffers = frames.slice(at + 6);
    return { identities: texts.slice(0, at), signature, header, parent, metadata, content, buffers };
  }
}

/** `type` of status messages is followed by the state: `status:busy`. */
export function kinds(messages: readonly Received[]): string[] {
  return messages.map(({ header, content }) =>
    header.msg_type === 'status' ? `status:${content.execution_state}` : header.msg_type,
  );
}

/** Free TCP ports, all held at once so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export interface TestKernel {
  readonly json: ConnectionJson;
  readonly language: EchoLanguage;
  readonly server: Server;
  readonly log: string[];
  connect(topic?: string): Promise<FrontEnd>;
  heartbeat(): Promise<Request>;
  end(): Promise<void>;
}

/** An echo kernel over ipc, or over tcp. */
export async function startEcho(
  options: { transport?: 'tcp' | 'ipc'; key?: string; maxOpenRequests?: number; history?: History } = {},
): Promise<TestKernel> {
  const folder = await mkdtemp(join(tmpdir(), 'npulab-'));
  const transport = options.transport ?? 'ipc';
  const ports = transport === 'tcp' ? await freePorts(5) : [1, 2, 3, 4, 5];
  const [shell_port, iopub_port, stdin_port, control_port, hb_port] = ports as [number, number, number, number, number];
  const json = {
    transport,
    ip: transport === 'tcp' ? '127.0.0.1' : join(folder, 'k'),
    key: options.key ?? 'secret',
    signature_scheme: 'hmac-sha256',
    ...{ shell_port, iopub_port, stdin_port, control_port, hb_port },
  };
  const language = new EchoLanguage();
  const log: string[] = [];
  const connection = parseConnection(json);
  const server = await startServer({
    connection,
    language,
    log: (line) => log.push(line),
    username: 'kernel',
    ...(options.history === undefined ? {} : { history: options.history }),
    ...(options.maxOpenRequests === undefined ? {} : { maxOpenRequests: options.maxOpenRequests }),
  });
  const ends: { close(): void }[] = [];
  return {
    json,
    language,
    server,
    log,
    async connect(topic) {
      const end = await FrontEnd.connect(json, topic);
      ends.push(end);
      return end;
    },
    async heartbeat() {
      const socket = new Request({ linger: 0 });
      socket.connect(connection.endpoints.hb);
      ends.push(socket);
      return socket;
    },
    async end() {
      for (const end of ends) end.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
