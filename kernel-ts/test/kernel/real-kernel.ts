/** A kernel process as Jupyter starts it, and cells run through its sockets. What is asserted is what a client sees. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ConnectionJson, FrontEnd, kinds, type Received } from '../protocol/front-end.js';

const committedLauncher = fileURLToPath(new URL('../../bin/npulab.js', import.meta.url));

interface StartOptions {
  readonly key?: string;
  readonly env?: Record<string, string>;
  readonly launcher?: string;
}

/** What a cell gave, between its busy and its idle. */
export interface Ran {
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into contents.
  readonly reply: any;
  readonly iopub: readonly Received[];
  readonly kinds: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into contents.
  readonly result: any;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into contents.
  readonly displays: readonly any[];
}

/** One client's view of a running kernel. */
export class RealKernel {
  readonly folder: string;
  readonly json: ConnectionJson;
  readonly process: ChildProcess;
  front!: FrontEnd;

  private constructor(options: StartOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'npulab-real-'));
    const ports = { shell_port: 1, iopub_port: 2, stdin_port: 3, control_port: 4, hb_port: 5 };
    const key = options.key ?? 'secret';
    this.json = { transport: 'ipc', ip: join(this.folder, 'k'), key, signature_scheme: 'hmac-sha256', ...ports };
    this.write('connection.json', JSON.stringify(this.json));
    const env = { ...process.env, XDG_STATE_HOME: join(this.folder, 'state'), ...options.env };
    const args = [options.launcher ?? committedLauncher, 'kernel', join(this.folder, 'connection.json')];
    this.process = spawn(process.execPath, args, { cwd: this.folder, env, stdio: ['ignore', 'ignore', 'inherit'] });
  }

  static async start(options: StartOptions = {}): Promise<RealKernel> {
    const kernel = new RealKernel(options);
    kernel.front = await FrontEnd.connect(kernel.json);
    return kernel;
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Executes and waits for the reply and for idle. */
  async run(code: string, more: object = {}, metadata: object = {}): Promise<Ran> {
    return this.ended(await this.front.execute(code, more, metadata));
  }

  /** Waits for the end of an execute_request; it must be the oldest that is open. */
  async ended(id: string): Promise<Ran> {
    const [reply, all] = await Promise.all([this.front.receive('shell'), this.front.until(id)]);
    if (reply.parent.msg_id !== id) throw new Error('the reply belongs to another request');
    const iopub = all.filter((message) => message.parent.msg_id === id);
    const text = (name: string): string =>
      iopub
        .filter((message) => message.header.msg_type === 'stream' && message.content.name === name)
        .map((message) => message.content.text)
        .join('');
    return {
      ...{ id, reply: reply.content, iopub, kinds: kinds(iopub), stdout: text('stdout'), stderr: text('stderr') },
      result: iopub.find((message) => message.header.msg_type === 'execute_result')?.content.data,
      displays: iopub.filter(({ header }) => header.msg_type.endsWith('display_data')).map(({ content }) => content),
    };
  }

  /** Waits for the next iopub message that fulfils `test`; those before it are dropped. */
  async iopub(test: (message: Received) => boolean): Promise<Received> {
    for (;;) {
      const message = await this.front.iopub();
      if (test(message)) return message;
    }
  }

  async ask(channel: 'shell' | 'control', type: string, content: object = {}, more: { header?: object } = {}) {
    await this.front.send(channel, type, content, more);
    return (await this.front.receive(channel)).content;
  }

  [Symbol.dispose](): void {
    this.front.close();
    this.process.kill('SIGTERM');
    this.process.once('exit', () => rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 }));
  }
}
