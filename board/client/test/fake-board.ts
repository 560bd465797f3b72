/** A small board in memory: HELLO, PING, memory, blobs, one stream, and every fault a test asks for. */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { decodeCbor, encodeCbor, type Wire, type WireMap } from '../src/frame/cbor.js';
import type { Frame } from '../src/frame/frame.js';
import { type FrameType, frameFlag, frameType } from '../src/frame/header.js';
import type { FrameLink, LinkEvents } from '../src/link/frame-link.js';
import { Link } from '../src/link/link.js';
import { methodOf } from '../src/messages/methods.js';
import type { Transport } from '../src/transport/transport.js';

type Args = Map<number, Wire>;
type Body = Uint8Array<ArrayBuffer> | null;
interface Answer {
  result: Wire;
  body?: Body;
}
interface Stream {
  call: number;
  count: number;
  itemBytes: number;
  next: number;
  credit: number;
}

const initialCredit = 256 * 1024;

class Failure extends Error {
  readonly code: string;
  constructor(code: string, cause: string) {
    super(cause);
    this.code = code;
  }
}

const map = (...entries: [number, Wire][]): WireMap => new Map(entries);

export class FakeBoard {
  /** What happened, for example `CALL mem.alloc`, `HELLO`, `CANCEL`. PINGs are not noted. */
  readonly log: string[] = [];
  /** Methods (by name) that are taken but not answered until `release`. */
  readonly held = new Set<string>();
  /** Overrides of HELLO by key. */
  hello: Record<number, Wire> = {};
  /** Answers nothing at all, HELLO and PING included. */
  silent = false;
  /** Calls of `once` methods that really ran. */
  ran: string[] = [];
  /** Deflates what items carry, where the host offers to inflate it. */
  deflateItems = false;
  /** Items a stream has sent. */
  itemsSent = 0;
  /** Forgets a session that asks to be resumed. */
  forgetSessions = false;
  readonly buffers = new Map<number, Uint8Array<ArrayBuffer>>();
  readonly blobs = new Map<string, Uint8Array>();
  readonly parts = new Map<
    string,
    { size: number; chunk: number; digests: Uint8Array; chunks: Map<number, Uint8Array> }
  >();
  #bootId = 1;
  #tokens = 0;
  #token = 0;
  #slot = 0;
  #events = 0;
  #link: FrameLink | null = null;
  #raw: ((frame: Uint8Array) => void) | null = null;
  #heldFrames: Frame[] = [];
  readonly #answers = new Map<number, Frame>();
  readonly #streams = new Map<number, Stream>();

  /** Serves a connection that carries a stream of bytes; a later one takes over. */
  accept(transport: Transport): void {
    this.serve(
      (events) => new Link(transport, events),
      (frame) => transport.write([frame]),
    );
  }

  /** Serves a link; a later one takes over. `raw` sends bytes as if they were a frame. */
  serve(listen: (events: LinkEvents) => FrameLink, raw: ((frame: Uint8Array) => void) | null = null): void {
    this.#raw = raw;
    this.#link = listen({ onFrame: (frame) => this.#take(frame), onDown: () => undefined });
  }

  /** The agent starts anew: other boot id, nothing kept. */
  reboot(): void {
    this.#bootId += 1;
    this.forget();
  }

  /** The session's objects and answers go. */
  forget(): void {
    this.buffers.clear();
    this.#answers.clear();
    this.#streams.clear();
    this.#heldFrames = [];
    this.#token = 0;
  }

  /** Answers what was held. */
  release(name: string): void {
    this.held.delete(name);
    const frames = this.#heldFrames.filter((frame) => methodOf(frame.method)?.name === name);
    this.#heldFrames = this.#heldFrames.filter((frame) => !frames.includes(frame));
    for (const frame of frames) this.#call(frame);
  }

  /** Sends an event. */
  event(topic: number, payload: Wire, lost = 0): void {
    this.#send(frameType.event, topic, 0, map([0, this.#events++], [1, lost], [2, payload]));
  }

  /** Sends bytes that may be anything: a length and a frame on a stream. */
  raw(bytes: Uint8Array): void {
    this.#raw!(bytes);
  }

  /** Sends a frame that may be anything. */
  frame(type: FrameType, method: number, call: number, meta: Wire, body: Body = null): void {
    this.#send(type, method, call, meta, body);
  }

  #take(frame: Frame): void {
    if (this.silent) return;
    switch (frame.type) {
      case frameType.hello:
        this.log.push('HELLO');
        this.#greet(decodeCbor(frame.meta) as Args);
        return;
      case frameType.ping:
        this.#send(frameType.pong, 0, 0, map([0, (decodeCbor(frame.meta) as Args).get(0)!], [1, 1000], [2, 1500]));
        return;
      case frameType.call:
        this.log.push(`CALL ${methodOf(frame.method)!.name}`);
        this.#call(frame);
        return;
      case frameType.cancel:
        this.log.push('CANCEL');
        this.#cancel(frame);
        return;
      case frameType.credit: {
        const stream = this.#streams.get(frame.call);
        if (stream && !this.held.has('CREDIT')) {
          stream.credit += (decodeCbor(frame.meta) as Args).get(0) as number;
          this.#stream(stream);
        }
        return;
      }
      case frameType.bye:
        this.log.push('BYE');
        this.forget();
        return;
      default:
        throw new Error(`a host does not send type ${frame.type}`);
    }
  }

  #greet(host: Args): void {
    const token = host.get(4);
    const resumed = token instanceof Uint8Array && !this.forgetSessions && token[0] === this.#token && this.#token > 0;
    if (!resumed) {
      this.forget();
      this.#tokens += 1;
      this.#token = this.#tokens;
    }
    const hello = new Map<number, Wire>([
      [0, 1],
      [1, 1],
      [2, 'fake 0.1.0'],
      [3, new Uint8Array(8).fill(this.#bootId)],
      [4, new Uint8Array(16).fill(this.#token)],
      [5, resumed],
      [6, map([0, 1 << 20], [1, 16], [2, 982_976])],
      [7, 1_000_000],
      [8, ['blob.resume']],
      [9, 30_000],
    ]);
    for (const [key, value] of Object.entries(this.hello)) hello.set(Number(key), value);
    this.#send(frameType.hello, 0, 0, hello);
    if (!resumed) return;
    for (const place of (host.get(5) ?? []) as Args[]) {
      const stream = this.#streams.get(place.get(0) as number);
      if (!stream) continue;
      stream.next = place.get(1) as number;
      stream.credit = initialCredit - (place.get(2) as number);
      this.#stream(stream);
    }
  }

  #call(frame: Frame): void {
    const method = methodOf(frame.method)!;
    const stored = this.#answers.get(frame.call);
    if (stored) {
      this.#write(stored);
      return;
    }
    if (this.held.has(method.name)) {
      if (!this.#heldFrames.some(({ call }) => call === frame.call)) this.#heldFrames.push(frame);
      return;
    }
    if (method.name === 'infer.generate' || method.name === 'model.load' || method.name === 'model.operators') {
      if (!this.#streams.has(frame.call)) this.#start(frame);
      return;
    }
    try {
      const { result, body = null } = this.#run(
        method.name,
        (decodeCbor(frame.meta) as Args).get(0) as Args,
        frame.body,
      );
      if (method.retry === 'once') this.ran.push(method.name);
      const reply = this.#send(frameType.reply, frame.method, frame.call, map([0, result]), body);
      if (method.retry === 'once') this.#answers.set(frame.call, reply);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const fields = new Map([['slot', 7]]);
      this.#send(
        frameType.fail,
        frame.method,
        frame.call,
        map([0, error.code], [1, error.message], [2, 'Do it right.'], [3, fields]),
      );
    }
  }

  #cancel(frame: Frame): void {
    this.#streams.delete(frame.call);
    if (this.held.has('CANCEL')) return;
    this.#heldFrames = this.#heldFrames.filter(({ call }) => call !== frame.call);
    const fields = new Map<string, Wire>([['progress', 3]]);
    this.#send(frameType.fail, frame.method, frame.call, map([0, 'cancelled'], [1, 'stopped'], [2, ''], [3, fields]));
  }

  #run(name: string, args: Args, body: Body): Answer {
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
        return { result: map([0, map([0, 11], [1, 1], [2, 4])], [1, this.#state(0)]) };
      case 'infer.step':
        return { result: map([0, this.#state(1)]), body: new Uint8Array(72) };
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

  #start(frame: Frame): void {
    const args = (decodeCbor(frame.meta) as Args).get(0) as Args;
    const [count, itemBytes] = frame.method === 0x52 ? [args.get(1) as number, 72 * 500] : [3, 0];
    const stream: Stream = { call: frame.call, count, itemBytes, next: 0, credit: initialCredit };
    this.#streams.set(frame.call, stream);
    this.#stream(stream, frame.method);
  }

  #stream(stream: Stream, method = 0x52): void {
    while (stream.next < stream.count && stream.credit > 0) {
      const payload =
        method === 0x52 ? map([0, stream.next], [1, `t${stream.next} `]) : map([0, stream.next + 1], [1, 3]);
      const meta = map(
        [0, stream.next],
        [1, method === 0x42 ? [map([0, 'op'], [1, null], [2, 'matmul'], [3, 'npu'], [4, 1], [5, 1])] : payload],
      );
      stream.credit -= encodeCbor(meta).byteLength + stream.itemBytes;
      this.#item(method, stream, meta);
      stream.next += 1;
      this.itemsSent += 1;
    }
    if (stream.next < stream.count || this.held.has('END')) return;
    this.#streams.delete(stream.call);
    const state = this.#state(stream.count);
    const info = new Map<number, Wire>([
      [0, 'tiny'],
      ...Array.from({ length: 9 }, (_, key): [number, Wire] => [key + 1, 8]),
    ]);
    const handle = map([0, 9], [1, 1], [2, 3]);
    const result =
      method === 0x52 ? map([0, state], [1, 'maxTokens']) : method === 0x40 ? map([0, handle], [1, info]) : map();
    this.#send(frameType.end, method, stream.call, map([0, stream.count]));
    this.#answers.set(stream.call, this.#send(frameType.reply, method, stream.call, map([0, result])));
  }

  #item(method: number, { call, itemBytes }: Stream, meta: WireMap): void {
    const body = itemBytes > 0 ? new Uint8Array(itemBytes) : null;
    if (!body || !this.deflateItems) {
      this.#send(frameType.item, method, call, meta, body);
      return;
    }
    meta.set(2, itemBytes);
    const small = new Uint8Array(deflateRawSync(body));
    this.#write({
      type: frameType.item,
      flags: frameFlag.compressed,
      method,
      call,
      meta: encodeCbor(meta),
      body: small,
    });
  }

  #state(position: number): Wire {
    return map([0, position], [1, 0], [2, null], [3, [1]]);
  }

  #send(type: FrameType, method: number, call: number, meta: Wire, body: Body = null): Frame {
    const frame: Frame = { type, flags: 0, method, call, meta: encodeCbor(meta), body };
    this.#write(frame);
    return frame;
  }

  #write(frame: Frame): void {
    // What ends a stream must not overtake its items.
    this.#link?.send(frame, frame.body !== null || methodOf(frame.method)?.stream === true);
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
