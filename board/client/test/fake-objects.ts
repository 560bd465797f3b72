/** What a fake board holds: memory, blobs whole and in parts; and what its methods answer. Knows no frames. */
import { createHash } from 'node:crypto';
import type { Wire, WireMap } from '../src/frame/cbor.js';

export type Args = Map<number, Wire>;
export type Body = Uint8Array<ArrayBuffer> | null;
interface Answer {
  result: Wire;
  body?: Body;
}

/** What a board fails with. */
export class Failure extends Error {
  readonly code: string;
  constructor(code: string, cause: string) {
    super(cause);
    this.code = code;
  }
}

export const map = (...entries: [number, Wire][]): WireMap => new Map(entries);

/** Where an inference stands. */
export const stateAt = (position: number): Wire => map([0, position], [1, 0], [2, null], [3, [1]]);

export class FakeObjects {
  readonly buffers = new Map<number, Uint8Array<ArrayBuffer>>();
  readonly blobs = new Map<string, Uint8Array>();
  readonly parts = new Map<
    string,
    { size: number; chunk: number; digests: Uint8Array; chunks: Map<number, Uint8Array> }
  >();
  #slot = 0;

  /** The session's objects go; blobs stay. */
  forget(): void {
    this.buffers.clear();
  }

  /** Answers a call that is no stream; throws what the board would fail with. */
  run(name: string, args: Args, body: Body): Answer {
    switch (name) {
      case 'sys.info': {
        const facts: Wire[] = [
          'rk3568',
          'fake',
          true,
          1_000_000_000,
          0,
          0,
          1 << 30,
          1 << 29,
          '0.1.0',
          '0.1.0',
          'none',
          'scalar',
          [],
          '/log',
        ];
        return { result: new Map(facts.map((fact, key) => [key, fact])) };
      }
      case 'sys.devices':
        return { result: [map([0, 'npu0'], [1, 'npu'], [2, null])] };
      case 'mem.alloc': {
        const size = args.get(0) as number;
        if (size > 1 << 30) throw new Failure('outOfMemory', 'no room');
        this.buffers.set(++this.#slot, new Uint8Array(size));
        return { result: map([0, map([0, this.#slot], [1, 1], [2, 1])]) };
      }
      case 'mem.free':
        this.#buffer(args);
        this.buffers.delete((args.get(0) as Args).get(0) as number);
        return { result: map() };
      case 'mem.write':
        this.#buffer(args).set(body ?? new Uint8Array(0), args.get(1) as number);
        return { result: map() };
      case 'mem.read': {
        const at = args.get(1) as number;
        return { result: map(), body: this.#buffer(args).slice(at, at + (args.get(2) as number)) };
      }
      case 'mem.fill': {
        const at = args.get(1) as number;
        this.#buffer(args).fill(args.get(3) as number, at, at + (args.get(2) as number));
        return { result: map() };
      }
      case 'mem.digest': {
        const at = args.get(1) as number;
        return { result: map([0, sha256(this.#buffer(args).subarray(at, at + (args.get(2) as number)))]) };
      }
      case 'blob.has':
        return { result: map([0, (args.get(0) as Uint8Array[]).map((digest) => this.blobs.has(hex(digest)))]) };
      case 'blob.begin':
        return { result: map([0, this.#begin(args, body)]) };
      case 'blob.put': {
        const part = this.parts.get(hex(args.get(0) as Uint8Array))!;
        const index = args.get(1) as number;
        if (hex(sha256(body!)) !== hex(part.digests.subarray(index * 32, index * 32 + 32)))
          throw new Failure('corrupt', 'wrong chunk');
        part.chunks.set(index, body!.slice());
        return { result: map() };
      }
      case 'blob.commit': {
        const id = hex(args.get(0) as Uint8Array);
        const part = this.parts.get(id)!;
        const whole = Buffer.concat(
          Array.from({ length: part.digests.byteLength / 32 }, (_, index) => part.chunks.get(index)!),
        );
        if (hex(sha256(whole)) !== id || whole.byteLength !== part.size) throw new Failure('corrupt', 'wrong content');
        this.blobs.set(id, whole);
        return { result: map() };
      }
      case 'infer.open':
        return { result: map([0, map([0, 11], [1, 1], [2, 4])], [1, stateAt(0)]) };
      case 'infer.step':
        return { result: map([0, stateAt(1)]), body: new Uint8Array(72) };
      case 'infer.close':
      case 'model.unload':
        return { result: map() };
      case 'infer.tensor': {
        const [offset, count] = [args.get(2) as number, args.get(3) as number];
        const elements = Float32Array.from({ length: count }, (_, index) => offset + index);
        return { result: map([0, args.get(1)!], [1, 'f32'], [2, [300, 500]]), body: new Uint8Array(elements.buffer) };
      }
      case 'blob.remove':
        if (!this.blobs.delete(hex(args.get(0) as Uint8Array))) throw new Failure('notFound', 'no such blob');
        return { result: map() };
      case 'blob.list': {
        const blobs = [...this.blobs].map(([id, bytes]) =>
          map([0, new Uint8Array(Buffer.from(id, 'hex'))], [1, bytes.byteLength], [2, 0]),
        );
        return { result: map([0, blobs], [1, 1 << 30], [2, 0]) };
      }
      default:
        throw new Failure('unsupported', `no ${name} here`);
    }
  }

  #begin(args: Args, body: Body): Uint8Array {
    const id = hex(args.get(0) as Uint8Array);
    const listed = args.get(3) as Uint8Array;
    const list = args.get(4) as Uint8Array | undefined;
    const found = list && this.blobs.get(hex(list));
    if (list && !found) throw new Failure('notFound', 'no such list');
    const digests = found ?? (listed.byteLength > 0 ? listed : (body ?? new Uint8Array(0)));
    const part = this.parts.get(id) ?? {
      size: args.get(1) as number,
      chunk: args.get(2) as number,
      digests,
      chunks: new Map(),
    };
    this.parts.set(id, part);
    const bitmap = new Uint8Array(Math.ceil(digests.byteLength / 32 / 8));
    for (const index of part.chunks.keys()) bitmap[index >> 3]! |= 1 << (index & 7);
    return bitmap;
  }

  #buffer(args: Args): Uint8Array<ArrayBuffer> {
    const buffer = this.buffers.get((args.get(0) as Args).get(0) as number);
    if (!buffer) throw new Failure('staleHandle', 'no such buffer');
    return buffer;
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
