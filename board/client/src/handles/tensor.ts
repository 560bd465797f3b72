/** A tensor at an operator boundary: shape here, elements on the board. Refuses to know what the numbers mean. */
import type { DType, Summary } from '../buffer.js';
import { damaged } from '../frame/header.js';
import type { TensorData, TensorHandle } from '../inference.js';
import { digestBytes, Reader } from '../messages/reader.js';
import { elementBytes, readSummary } from '../messages/results.js';
import type { CallOptions } from '../options.js';
import { pick } from './buffer.js';
import { type BoardContext, badArgument, type Handle, pieceOf, whole } from './context.js';
import { inPieces } from './pieces.js';
import { type Facts, Shown } from './show.js';

const arrays = {
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  i32: Int32Array,
  f16: Uint16Array,
  f32: Float32Array,
} as const;

/** {@link TensorHandle} of a board. */
export class BoardTensor extends Shown implements TensorHandle {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly #context: BoardContext;
  readonly #inference: Handle;

  constructor(
    context: BoardContext,
    inference: Handle,
    info: { name: string; dtype: DType; shape: readonly number[] },
  ) {
    super();
    this.#context = context;
    this.#inference = inference;
    this.name = info.name;
    this.dtype = info.dtype;
    this.shape = info.shape;
  }

  async read(options: CallOptions & { offset?: number; count?: number } = {}): Promise<TensorData> {
    const { offset, count } = this.#range(options.offset ?? 0, options.count);
    const width = elementBytes[this.dtype];
    const target = new Uint8Array(count * width);
    await inPieces(target.byteLength, pieceOf(this.#context), options, async (at, length, call) => {
      const args = { 1: this.name, 2: offset + at / width, 3: length / width };
      const { body } = await this.#inference.call('infer.tensor', args, call);
      if ((body?.byteLength ?? 0) !== length)
        throw damaged(`infer.tensor: ${body?.byteLength ?? 0} bytes where ${length} were asked for`);
      target.set(body!, at);
    });
    return new arrays[this.dtype](target.buffer);
  }

  async summary(options: CallOptions & { reference?: string } = {}): Promise<Summary> {
    const { reference } = options;
    const digest = reference === undefined ? undefined : digestBytes(reference);
    if (digest === null) throw badArgument(`${reference} is no blob id: it has 64 hex digits`);
    const { result } = await this.#inference.call('infer.summary', { 1: this.name, 2: digest }, pick(options));
    return readSummary(new Reader(result, 'infer.summary').inner(1));
  }

  async replace(data: Float32Array, options: CallOptions & { offset?: number } = {}): Promise<void> {
    if (this.dtype !== 'f32') throw badArgument(`${this.name} is ${this.dtype}; only f32 tensors can be replaced`);
    if (!(data instanceof Float32Array)) throw badArgument('The new elements must be a Float32Array');
    const { offset } = this.#range(options.offset ?? 0, data.length);
    const copy = new Uint8Array(new Float32Array(data).buffer);
    await inPieces(copy.byteLength, pieceOf(this.#context), options, async (at, length, call) => {
      const args = { 1: this.name, 2: offset + at / 4 };
      await this.#inference.call('infer.replace', args, { ...call, body: copy.slice(at, at + length) });
    });
  }

  protected override facts(): Facts {
    const shape = this.shape.join('×');
    return {
      line: `TensorHandle(${this.name}, ${this.dtype} ${shape}, on the board)`,
      title: this.name,
      rows: [
        ['type', this.dtype],
        ['shape', shape],
      ],
    };
  }

  #range(offset: number, count: number | undefined): { offset: number; count: number } {
    const total = this.shape.reduce((product, length) => product * length, 1);
    whole(offset, 'offset', 0, total);
    return { offset, count: whole(count ?? total - offset, 'count', 0, total - offset) };
  }
}
