/**
 * A conversation with a kernel: reads cells, asks the kernel whether they are complete, runs them, prints what comes.
 * Knows the kernel's messages; refuses to know whether the kernel is its own or somebody else's.
 */
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { KernelClient } from '../../report/runner/index.js';
import type { Completer, Lines } from './lines.js';
import type { Printer } from './printer.js';

/** Tells lines before the first one where a cell goes on. */
const continuation = '   ...: ';

export class Session {
  readonly #client: KernelClient;
  readonly #printer: Printer;
  #cell: string[] = [];
  #count = 1;
  #running = false;

  constructor(client: KernelClient, printer: Printer) {
    this.#client = client;
    this.#printer = printer;
  }

  get #kernel(): Kernel.IKernelConnection {
    return this.#client.kernel;
  }

  /** Ctrl-C: stops the cell that runs, or gives up the one that is being typed. */
  interrupt(lines: Lines): void {
    if (this.#running) {
      void this.#client.interrupt().catch(() => {});
      return;
    }
    this.#cell = [];
    this.#printer.note('');
    lines.abandon();
  }

  /** Names that fit at the cursor of the line being typed. */
  readonly complete: Completer = async (line, cursor) => {
    const before = [...this.#cell, line.slice(0, cursor)].join('\n');
    const code = [...this.#cell, line].join('\n');
    const { content } = await this.#kernel.requestComplete({ code, cursor_pos: [...before].length });
    if (content.status !== 'ok') return [[], ''];
    const replaced = [...before].slice(content.cursor_start).join('');
    return [content.matches.filter((match) => match.startsWith(replaced)), replaced];
  };

  /** Reads and runs until the input ends. */
  async run(lines: Lines): Promise<void> {
    let indent = '';
    for (;;) {
      const prompt = this.#cell.length === 0 ? `In [${this.#count}]: ` : continuation;
      const line = await lines.next(prompt, { start: indent });
      indent = '';
      if (line === undefined && this.#cell.length === 0) return;
      if (line !== undefined) this.#cell.push(line);
      const code = this.#cell.join('\n');
      const wanted = line === undefined || givenUp(this.#cell) ? undefined : await this.#missing(code);
      if (wanted !== undefined) {
        indent = wanted;
        continue;
      }
      if (code.trim() === '') this.#cell = [];
      else if (/^[\p{ID_Continue}$_.]+\?$/u.test(code)) await this.#inspect(code.slice(0, -1));
      else await this.#execute(code, lines);
      this.#cell = [];
    }
  }

  /** The indent of the line that is missing; undefined where none is. */
  async #missing(code: string): Promise<string | undefined> {
    if (code.trim() === '' || /^[\p{ID_Continue}$_.]+\?$/u.test(code)) return undefined;
    const { content } = await this.#kernel.requestIsComplete({ code });
    return content.status === 'incomplete' ? content.indent : undefined;
  }

  async #execute(code: string, lines: Lines): Promise<void> {
    this.#running = true;
    const future = this.#kernel.requestExecute({ code, allow_stdin: true, stop_on_error: true });
    future.onIOPub = (message) => this.#printer.take(message);
    future.onStdin = (message) => void this.#answer(message as KernelMessage.IInputRequestMsg, lines);
    try {
      const { content } = await future.done;
      if (content.execution_count !== null) this.#count = content.execution_count + 1;
    } finally {
      this.#running = false;
      this.#printer.end();
    }
  }

  async #answer({ content, header }: KernelMessage.IInputRequestMsg, lines: Lines): Promise<void> {
    this.#printer.end();
    const value = (await lines.next(content.prompt, { hidden: content.password })) ?? '';
    this.#kernel.sendInputReply({ status: 'ok', value }, header as KernelMessage.IInputReplyMsg['parent_header']);
  }

  async #inspect(code: string): Promise<void> {
    const { content } = await this.#kernel.requestInspect({ code, cursor_pos: [...code].length, detail_level: 0 });
    const text = content.status === 'ok' && content.found ? content.data['text/plain'] : undefined;
    this.#printer.note(typeof text === 'string' ? text : `nothing is known about ${code}`);
  }
}

/** Two empty lines end a cell, complete or not. */
function givenUp(lines: readonly string[]): boolean {
  return lines.length > 2 && lines.slice(-2).every((line) => line.trim() === '');
}
