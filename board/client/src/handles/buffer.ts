/** Device memory: range checks, transfers in pieces. Refuses to know links. Surprising: six pieces are under way at once. */
import type { Buffer, Memory, Range, Summary } from '../buffer.js';
import { damaged } from '../frame/header.js';
import { invoke } from '../messages/invoke.js';
import { Reader, toHex } from '../messages/reader.js';
import { elementBytes, readSummary } from '../messages/results.js';
import type { CallOptions } from '../options.js';
import { Throttle } from '../upload/throttle.js';
import { type BoardContext, badArgument, Handle, pieceOf, whole } from './context.js';
import { inPieces } from './pieces.js';
import { type Facts, Shown, size } from './show.js';

/** {@link Memory} of a board. */
export function memoryOf(context: BoardContext): Memory {
  return {
    async allocate(sizeBytes, options = {}) {
      whole(sizeBytes, 'sizeBytes', 1, Number.MAX_SAFE_INTEGER);
      const epoch = context.epoch();
      const { result } = await invoke(context.client, 'mem.alloc', { 0: sizeBytes }, { ...pick(options), epoch });
      return new BoardBuffer(
        context,
        new Handle(context, new Reader(result, 'mem.alloc').any(0), 'buffer', epoch),
        sizeBytes,
      );
    },
  };
}

/** {@link Buffer} of a board. */
export class BoardBuffer extends Shown implements Buffer {
  readonly sizeBytes: number;
  /** For operands. */
  readonly handle: Handle;
  readonly #context: BoardContext;

  constructor(context: BoardContext, handle: Handle, sizeBytes: number) {
    super();
    this.#context = context;
    this.handle = handle;
    this.sizeBytes = sizeBytes;
  }

  async write(data: ArrayBufferView | ArrayBuffer, options: Parameters<Buffer['write']>[1] = {}): Promise<void> {
    const bytes = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    const { offsetBytes } = this.#range({ offsetBytes: options.offsetBytes ?? 0, lengthBytes: bytes.byteLength });
    const { client } = this.#context;
    const pieceBytes = pieceOf(this.#context);
    const progress = new Throttle('uploading', bytes.byteLength, {
      now: () => performance.now(),
      onProgress: (state) => tell(options.onProgress, state),
    });
    await inPieces(bytes.byteLength, pieceBytes, options, async (at, length, call) => {
      // The one copy of a write: into memory that travels to the link thread without another.
      const body = client.spares.take(length);
      body.set(bytes.subarray(at, at + length));
      await this.handle.call('mem.write', { 1: offsetBytes + at }, { ...call, body });
      progress.add(length);
    });
    progress.finish();
  }

  async read(options: CallOptions & Range = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { offsetBytes, lengthBytes } = this.#range(options);
    const target = new Uint8Array(lengthBytes);
    await inPieces(lengthBytes, pieceOf(this.#context), options, async (at, length, call) => {
      const { body } = await this.handle.call('mem.read', { 1: offsetBytes + at, 2: length }, call);
      if ((body?.byteLength ?? 0) !== length)
        throw damaged(`mem.read: ${body?.byteLength ?? 0} bytes where ${length} were asked for`);
      target.set(body!, at);
      this.#context.client.spent(body!);
    });
    return target;
  }

  async fill(byte: number, options: CallOptions & Range = {}): Promise<void> {
    const { offsetBytes, lengthBytes } = this.#range(options);
    await this.handle.call(
      'mem.fill',
      { 1: offsetBytes, 2: lengthBytes, 3: whole(byte, 'byte', 0, 255) },
      pick(options),
    );
  }

  async summary(options: Parameters<Buffer['summary']>[0]): Promise<Summary> {
    const { dtype } = options;
    const width = elementBytes[dtype];
    if (width === undefined)
      throw badArgument(`dtype is ${dtype}; it must be one of ${Object.keys(elementBytes).join(', ')}`);
    const offset = options.offsetBytes ?? 0;
    const count = options.count ?? Math.floor((this.sizeBytes - offset) / width);
    whole(count, 'count', 1, Number.MAX_SAFE_INTEGER);
    this.#range({ offsetBytes: offset, lengthBytes: count * width });
    const { result } = await this.handle.call('mem.summary', { 1: offset, 2: count, 3: dtype }, pick(options));
    return readSummary(new Reader(result, 'summary'));
  }

  async digest(options: CallOptions & Range = {}): Promise<string> {
    const { offsetBytes, lengthBytes } = this.#range(options);
    const { result } = await this.handle.call('mem.digest', { 1: offsetBytes, 2: lengthBytes }, pick(options));
    return toHex(new Reader(result, 'mem.digest').bytes(0, 32));
  }

  free(options: CallOptions = {}): Promise<void> {
    return this.handle.free('mem.free', pick(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.free();
  }

  protected override facts(): Facts {
    const state = this.handle.alive ? 'on the board' : 'freed';
    return {
      line: `Buffer(${size(this.sizeBytes)}, ${state})`,
      title: 'Buffer',
      rows: [
        ['size', size(this.sizeBytes)],
        ['state', state],
      ],
    };
  }

  /** The range with its defaults; fails where it leaves the buffer. */
  #range(range: Range): { offsetBytes: number; lengthBytes: number } {
    const offsetBytes = whole(range.offsetBytes ?? 0, 'offsetBytes', 0, this.sizeBytes);
    const lengthBytes = whole(
      range.lengthBytes ?? this.sizeBytes - offsetBytes,
      'lengthBytes',
      0,
      this.sizeBytes - offsetBytes,
    );
    return { offsetBytes, lengthBytes };
  }
}

/** Only what a call understands. */
export function pick({ signal, timeoutMs }: CallOptions): CallOptions {
  return { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

/** Calls a listener of the user; what it throws is its own affair. */
export function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch {
    // A progress bar that fails must not end the transfer it shows.
  }
}
