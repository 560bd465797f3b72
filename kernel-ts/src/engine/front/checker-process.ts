/**
 * The process of TypeScript 7 and the way to ask it: the binary protocol of the compiler's `sync` client, spoken without
 * blocking. Stands in for the client of its `async` API, whose JSON-RPC costs several turns of the event loop per
 * question. Knows frames and the order of answers; refuses to know what is asked.
 *
 * A frame is a MessagePack array `[type, method, payload]` of a small integer and two binaries; answers come in the order
 * of the questions.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const REQUEST = 1;
const RESPONSE = 4;
const FAILURE = 5;
const ARRAY_OF_3 = 0x93;
const UINT8 = 0xcc;
const BIN8 = 0xc4;
const BIN16 = 0xc5;
const BIN32 = 0xc6;

interface Question {
  readonly method: string;
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** A running compiler. */
export class CheckerProcess {
  readonly #process: ChildProcess;
  readonly #asked: Question[] = [];
  readonly #early = new Map<string, Promise<unknown>>();
  #received: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;
  /** What is asked waits, for the end of `together` or of this turn. */
  #holding = false;
  /** Resolves when the process is gone. */
  readonly closed: Promise<void>;

  /** Starts `program` (see {@link compilerProgram}) in `folder`. */
  constructor(program: string, folder: string) {
    this.#process = spawn(program, ['--api', '--cwd', folder], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#process.stdout?.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#process.stdin?.on('error', () => {}); // the end of the process tells it
    this.closed = new Promise((resolve) => {
      const end = (why: string): void => {
        this.#fail(new Error(why));
        resolve();
      };
      this.#process.once('error', (error) => end(`the type checker did not start: ${error.message}`));
      this.#process.once('exit', () => end('the process of the type checker ended'));
    });
  }

  /** Process id, for tests. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** What `ask` asks leaves together and at once: each write of its own would wake the process. */
  together<T>(ask: () => T): T {
    this.#process.stdin?.cork();
    this.#holding = true;
    try {
      return ask();
    } finally {
      this.#holding = false;
      this.#process.stdin?.uncork();
    }
  }

  /** Asks ahead of the API: its own next question of that method gets this answer. */
  askEarly(method: string, parameters: unknown): void {
    const answer = this.#askJson(method, parameters);
    answer.catch(() => {});
    this.#early.set(method, answer);
  }

  /** The API's next question of that method gets an answer that is known already. */
  answerEarly(method: string, answer: unknown): void {
    this.#early.set(method, Promise.resolve(answer));
  }

  /** Drops an answer that was asked for ahead. */
  forgetEarly(method: string): void {
    this.#early.delete(method);
  }

  /** What the API calls: a question and its answer in JSON. */
  apiRequest(method: string, parameters: unknown): Promise<unknown> {
    const early = this.#early.get(method);
    this.#early.delete(method);
    return early ?? this.#askJson(method, parameters);
  }

  /** What the API calls for syntax trees: the answer is bytes in a buffer of their own. */
  async apiRequestBinary(method: string, parameters: unknown): Promise<Uint8Array | undefined> {
    const payload = await this.#ask(method, parameters);
    return payload.length === 0 ? undefined : new Uint8Array(payload);
  }

  /** The API asks whether time is measured; it is not. */
  getTimingCollector(): undefined {
    return undefined;
  }

  /** Ends the process at once: it holds nothing. */
  close(): Promise<void> {
    this.#process.kill('SIGKILL');
    return this.closed;
  }

  async #askJson(method: string, parameters: unknown): Promise<unknown> {
    const payload = await this.#ask(method, parameters);
    return payload.length === 0 ? undefined : JSON.parse(payload.toString('utf8'));
  }

  #ask(method: string, parameters: unknown): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#asked.push({ method, resolve, reject });
      if (!this.#holding) this.#holdThisTurn();
      this.#process.stdin?.write(frame(REQUEST, method, JSON.stringify(parameters ?? null)));
    });
  }

  #holdThisTurn(): void {
    this.#process.stdin?.cork();
    this.#holding = true;
    process.nextTick(() => {
      this.#holding = false;
      this.#process.stdin?.uncork();
    });
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    for (;;) {
      const next = readFrame(this.#received);
      if (next === undefined) return;
      if (next === 'broken') {
        this.#fail(new Error('the type checker speaks another protocol than this kernel'));
        void this.close();
        return;
      }
      this.#received = this.#received.subarray(next.sizeBytes);
      const question = this.#asked.shift();
      if (next.type === RESPONSE) question?.resolve(next.payload);
      else question?.reject(new Error(`${question.method}: ${next.payload.toString('utf8')}`));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(this.#failure);
  }
}

/** Path of the compiler's native program, as the `typescript` package finds it. */
export async function compilerProgram(): Promise<string> {
  const home = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  const module = (await import(pathToFileURL(join(home, 'lib/getExePath.js')).href)) as { default: () => string };
  return module.default();
}

function frame(type: number, method: string, payload: string): Buffer {
  const [name, body] = [Buffer.from(method, 'utf8'), Buffer.from(payload, 'utf8')];
  return Buffer.concat([Buffer.from([ARRAY_OF_3, type]), binHead(name.length), name, binHead(body.length), body]);
}

function binHead(sizeBytes: number): Buffer {
  if (sizeBytes < 0x100) return Buffer.from([BIN8, sizeBytes]);
  const head = Buffer.alloc(5);
  head.writeUInt8(BIN32, 0);
  head.writeUInt32BE(sizeBytes, 1);
  return head;
}

interface Frame {
  readonly type: number;
  readonly payload: Buffer;
  readonly sizeBytes: number;
}

/** The first frame of `bytes`; undefined while it is not whole. */
function readFrame(bytes: Buffer): Frame | 'broken' | undefined {
  if (bytes.length < 3) return undefined;
  if (bytes[0] !== ARRAY_OF_3) return 'broken';
  const type = bytes[1] === UINT8 ? bytes[2] : bytes[1];
  if (type !== RESPONSE && type !== FAILURE) return 'broken';
  const method = readBin(bytes, bytes[1] === UINT8 ? 3 : 2);
  if (method === undefined || method === 'broken') return method;
  const payload = readBin(bytes, method.end);
  if (payload === undefined || payload === 'broken') return payload;
  return { type, payload: bytes.subarray(payload.start, payload.end), sizeBytes: payload.end };
}

function readBin(bytes: Buffer, at: number): { start: number; end: number } | 'broken' | undefined {
  const headBytes = { [BIN8]: 1, [BIN16]: 2, [BIN32]: 4 }[bytes[at] ?? BIN8];
  if (headBytes === undefined) return 'broken';
  const start = at + 1 + headBytes;
  if (bytes.length < start) return undefined;
  const end = start + bytes.readUIntBE(at + 1, headBytes);
  return bytes.length < end ? undefined : { start, end };
}
