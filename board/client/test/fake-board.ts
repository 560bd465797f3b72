/** A small board in memory: HELLO, PING, calls, one stream, and every fault a test asks for. What it holds is FakeObjects. */
import { deflateRawSync } from 'node:zlib';
import { decodeCbor, encodeCbor, type Wire, type WireMap } from '../src/frame/cbor.js';
import type { Frame } from '../src/frame/frame.js';
import { type FrameType, frameFlag, frameType } from '../src/frame/header.js';
import type { FrameLink, LinkEvents } from '../src/link/frame-link.js';
import { Link } from '../src/link/link.js';
import { methodOf } from '../src/messages/methods.js';
import type { Transport } from '../src/transport/transport.js';
import { type Args, type Body, Failure, FakeObjects, map, stateAt } from './fake-objects.js';

interface Stream {
  call: number;
  count: number;
  itemBytes: number;
  next: number;
  credit: number;
}

const initialCredit = 256 * 1024;

export class FakeBoard {
  /** What it holds. */
  readonly objects = new FakeObjects();
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
  #bootId = 1;
  #tokens = 0;
  #token = 0;
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
    this.objects.forget();
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
      const args = (decodeCbor(frame.meta) as Args).get(0) as Args;
      const { result, body = null } = this.objects.run(method.name, args, frame.body);
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
    const state = stateAt(stream.count);
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
