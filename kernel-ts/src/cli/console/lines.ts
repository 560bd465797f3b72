/**
 * Lines from a terminal or a pipe, one at a time. A pipe gives them all at once, so they wait here for whoever asks: the
 * prompt, or a cell with a question. Knows readline, refuses to know what a line means.
 */
import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

/** Names that fit at the end of the text before the cursor, and the part of it that they replace. */
export type Completer = (line: string, cursor: number) => Promise<[matches: string[], replaced: string]>;

export interface LinesOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WriteStream;
  readonly isTerminal: boolean;
  readonly completer: Completer;
  /** Ctrl-C at the terminal. */
  readonly onInterrupt: () => void;
}

/** `history` is there in a terminal alone. */
type TerminalInterface = Interface & { history?: string[]; cursor: number };

export class Lines {
  readonly #readline: TerminalInterface;
  readonly #waiting: string[] = [];
  readonly #isTerminal: boolean;
  readonly #screen: Screen;
  #taker: ((line: string | undefined) => void) | undefined;
  #closed = false;

  constructor({ input, output, isTerminal, completer, onInterrupt }: LinesOptions) {
    this.#isTerminal = isTerminal;
    this.#screen = new Screen(output);
    this.#readline = createInterface({
      ...{ input, output: this.#screen, terminal: isTerminal, historySize: 1000 },
      completer: (line: string, done: (error: null, result: [string[], string]) => void) =>
        void completer(line, this.#readline.cursor).then(
          (result) => done(null, result),
          () => done(null, [[], line]),
        ),
    }) as TerminalInterface;
    this.#readline.on('line', (line) => {
      if (this.#taker) this.#taker(line);
      else this.#waiting.push(line);
    });
    this.#readline.on('close', () => {
      this.#closed = true;
      this.#taker?.(undefined);
    });
    this.#readline.on('SIGINT', onInterrupt);
  }

  /** The next line; undefined at the end of the input. `start` stands in it already; what is typed `hidden` is not shown. */
  next(prompt: string, { start = '', hidden = false } = {}): Promise<string | undefined> {
    const line = this.#waiting.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#closed) return Promise.resolve(undefined);
    if (this.#isTerminal) {
      this.#readline.setPrompt(prompt);
      this.#readline.prompt();
      if (start !== '') this.#readline.write(start);
      this.#screen.hides = hidden;
    }
    return new Promise((resolve) => {
      this.#taker = (given) => {
        this.#taker = undefined;
        if (this.#screen.hides) {
          this.#screen.hides = false;
          this.#readline.history?.shift();
          this.#screen.write('\n');
        }
        resolve(given);
      };
    });
  }

  /** Gives up the line that is being typed: whoever waits gets an empty one. */
  abandon(): void {
    this.#readline.write(null, { ctrl: true, name: 'e' });
    this.#readline.write(null, { ctrl: true, name: 'u' });
    this.#taker?.('');
  }

  /** Earlier cells, the newest first. */
  remember(cells: readonly string[]): void {
    if (this.#isTerminal) this.#readline.history = cells.filter((cell) => !cell.includes('\n')).slice(0, 1000);
  }

  close(): void {
    this.#readline.close();
  }
}

/** The terminal as readline sees it, which can hide what is typed. */
class Screen extends Writable {
  hides = false;
  readonly #terminal: NodeJS.WriteStream;

  constructor(terminal: NodeJS.WriteStream) {
    super({ decodeStrings: false });
    this.#terminal = terminal;
  }

  /** Readline wraps long lines by it. */
  get columns(): number | undefined {
    return this.#terminal.columns;
  }

  override _write(chunk: string | Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    if (!this.hides) this.#terminal.write(chunk);
    done();
  }
}
