/**
 * What a kernel says, as text: streams as they are, results with their number, displays by their `text/plain`, errors by
 * their traceback. A display that is updated (a progress bar) is one line: rewritten in a terminal, shown once in a pipe.
 */
import type { KernelMessage } from '@jupyterlab/services';
import type { Streams } from '../command.js';

interface Bundle {
  readonly data?: Record<string, unknown>;
  readonly transient?: { readonly display_id?: string };
}

export class Printer {
  readonly #streams: Streams;
  readonly #isTerminal: boolean;
  readonly #red: (text: string) => string;
  /** The display on the last line, which an update may replace. */
  #line: { readonly displayId: string; readonly text: string } | undefined;
  /** Where the last output stopped; the prompt starts on a new line. */
  #atLineStart = true;

  constructor(streams: Streams, { isTerminal, colours }: { isTerminal: boolean; colours: boolean }) {
    this.#streams = streams;
    this.#isTerminal = isTerminal;
    this.#red = colours ? (text) => `\u001b[31m${text}\u001b[0m` : (text) => text;
  }

  /** Prints one message of iopub. */
  take(message: KernelMessage.IIOPubMessage): void {
    const { header, content } = message as { header: KernelMessage.IHeader; content: Record<string, unknown> };
    if (header.msg_type === 'stream') this.#write(content.name === 'stderr' ? 'err' : 'out', String(content.text));
    else if (header.msg_type === 'execute_result') this.#result(content as Bundle & { execution_count?: number });
    else if (header.msg_type === 'error') this.error(content.traceback as string[]);
    else if (header.msg_type.endsWith('display_data'))
      this.#display(content as Bundle, header.msg_type.startsWith('u'));
  }

  /** Prints an error's lines. */
  error(lines: readonly string[]): void {
    this.#paragraph('err', this.#red(lines.join('\n')));
  }

  /** Prints text as a paragraph of its own. */
  note(text: string): void {
    this.#paragraph('out', text);
  }

  /** Ends what stands open, so that a prompt can follow. */
  end(): void {
    this.#closeLine();
    if (!this.#atLineStart) this.#write('out', '\n');
  }

  #result({ data, execution_count: count }: Bundle & { execution_count?: number }): void {
    this.#paragraph('out', `Out[${count ?? ' '}]: ${textOf(data)}`);
  }

  #display({ data, transient }: Bundle, update: boolean): void {
    const [text, displayId] = [textOf(data), transient?.display_id];
    if (displayId === undefined || text.includes('\n')) {
      if (!update) this.#paragraph('out', text);
      return;
    }
    if (this.#line?.displayId !== displayId) this.end();
    this.#line = { displayId, text };
    if (this.#isTerminal) this.#streams.out(`\r\u001b[K${text}`);
  }

  #closeLine(): void {
    const line = this.#line;
    this.#line = undefined;
    if (line) this.#streams.out(this.#isTerminal ? '\n' : `${line.text}\n`);
  }

  #paragraph(stream: 'out' | 'err', text: string): void {
    this.end();
    this.#write(stream, text.endsWith('\n') ? text : `${text}\n`);
  }

  #write(stream: 'out' | 'err', text: string): void {
    if (text === '') return;
    this.#closeLine();
    this.#streams[stream](text);
    this.#atLineStart = text.endsWith('\n');
  }
}

function textOf(data: Record<string, unknown> | undefined): string {
  const plain = data?.['text/plain'];
  return typeof plain === 'string' ? plain : `[${Object.keys(data ?? {}).join(', ')}]`;
}
