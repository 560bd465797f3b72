/** A language without a language: it proves that `protocol` needs none. Each line of a cell is one command. */
import type {
  CommMessage,
  Completeness,
  Completion,
  ExecuteOutcome,
  ExecuteRequest,
  Inspection,
  Language,
  LanguageInfo,
  LanguageOutput,
} from '../../src/protocol/language.js';

export class EchoLanguage implements Language {
  readonly info: LanguageInfo = {
    implementation: 'echo',
    implementationVersion: '1.2.3',
    banner: 'echo',
    versions: { echo: '1.2.3' },
    helpLinks: [],
    name: 'echo',
    version: '1',
    mimetype: 'text/echo',
    fileExtension: '.echo',
    pygmentsLexer: 'text',
    codemirrorMode: 'text',
    nbconvertExporter: 'script',
  };
  onOutput: (requestId: string, output: LanguageOutput) => void = () => {};
  onInput: Language['onInput'] = async () => ({ status: 'refused', why: 'cell-ended' });
  onComm: Language['onComm'] = () => {};
  /** Every comm message that came, in order. */
  readonly comms: CommMessage[] = [];

  /** Target `echo` exists: each message comes back, buffers and all, after a line of output. */
  async comm(requestId: string, message: CommMessage): Promise<boolean> {
    this.comms.push(message);
    if (message.kind === 'open') return message.target === 'echo';
    if (message.kind === 'message') {
      this.onOutput(requestId, { kind: 'stream', name: 'stdout', text: 'handled\n' });
      this.onComm(requestId, message);
    }
    return true;
  }

  /** Every request executed, in order. */
  readonly executed: ExecuteRequest[] = [];
  /** Cursor positions asked for, as they arrived here. */
  readonly cursors: number[] = [];
  interrupts = 0;
  shutdowns = 0;
  #stop: (() => void) | undefined;
  #hold: Promise<void> | undefined;

  /** Makes interrupts stay under way until the returned function is called. */
  holdInterrupts(): () => void {
    let release = (): void => {};
    this.#hold = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  async execute(request: ExecuteRequest): Promise<ExecuteOutcome> {
    this.executed.push(request);
    for (const line of request.code.split('\n')) {
      const [word, ...rest] = line.split(' ');
      const text = rest.join(' ');
      const emit = (output: LanguageOutput): void => this.onOutput(request.requestId, output);
      if (word === 'print') emit({ kind: 'stream', name: 'stdout', text: `${text}\n` });
      else if (word === 'repeat')
        for (let i = 0; i < Number(text); i += 1) emit({ kind: 'stream', name: 'stdout', text: `${i}\n` });
      else if (word === 'value') emit({ kind: 'result', data: { 'text/plain': text }, metadata: {} });
      else if (word === 'display')
        emit({ kind: 'display', data: { 'text/plain': text }, metadata: {}, displayId: 'd', update: false });
      else if (word === 'update')
        emit({ kind: 'display', data: { 'text/plain': text }, metadata: {}, displayId: 'd', update: true });
      else if (word === 'show') emit({ kind: 'display', data: { 'text/plain': text }, metadata: {}, update: false });
      else if (word === 'clear') emit({ kind: 'clear', wait: text === 'wait' });
      else if (word === 'throw')
        return { status: 'error', ename: 'EchoError', evalue: text, traceback: [`EchoError: ${text}`] };
      else if (word === 'reject') throw new TypeError(text);
      else if (word === 'open' || word === 'send' || word === 'close') {
        const kind = word === 'send' ? 'message' : word;
        const target = word === 'open' ? { target: 'front' } : {};
        this.onComm(request.requestId, { kind, commId: text, data: { word }, metadata: {}, buffers: [], ...target });
      } else if (word === 'ask' || word === 'secret') {
        const over = new AbortController();
        this.#stop = () => over.abort();
        const question = { prompt: text, password: word === 'secret' };
        const answer = await this.onInput(request.requestId, question, over.signal);
        emit({ kind: 'stream', name: 'stdout', text: `${JSON.stringify(answer)}\n` });
      } else if (word === 'wait') {
        await new Promise<void>((resolve) => {
          this.#stop = resolve;
        });
        return { status: 'error', ename: 'Interrupted', evalue: 'stopped', traceback: ['Interrupted: stopped'] };
      }
    }
    const userExpressions = Object.fromEntries(
      Object.entries(request.userExpressions).map(([name, code]) => [
        name,
        { status: 'ok' as const, data: { 'text/plain': code }, metadata: {} },
      ]),
    );
    return { status: 'ok', userExpressions };
  }

  async complete(code: string, cursor: number): Promise<Completion> {
    this.cursors.push(cursor);
    if (code === 'throw') throw new RangeError('no completion');
    return { matches: [{ text: 'word', type: 'function' }], start: Math.max(0, cursor - 2), end: cursor };
  }

  async inspect(code: string, cursor: number, detailLevel: 0 | 1): Promise<Inspection> {
    this.cursors.push(cursor);
    return { found: code !== '', data: { 'text/plain': `${code}:${detailLevel}` } };
  }

  async isComplete(code: string): Promise<Completeness> {
    return code.endsWith('{')
      ? { status: 'incomplete', indent: '  ' }
      : { status: code === '}' ? 'invalid' : 'complete' };
  }

  async interrupt(): Promise<void> {
    this.interrupts += 1;
    await this.#hold;
    this.#stop?.();
    this.#stop = undefined;
  }

  async shutdown(): Promise<void> {
    this.shutdowns += 1;
    this.#stop?.();
  }
}
