/**
 * The calls of a session: queue, in-flight limit, deadlines, cancel, streams, repetition. Knows methods' retry rules;
 * refuses to know links and where time comes from. Surprising: a call whose caller has gone stays here as an *orphan*
 * until the board has answered, since it still occupies the board; what its result holds is then freed at once.
 */
import { BoardError } from '../errors.js';
import { encodeCbor, type Wire } from '../frame/cbor.js';
import { type Frame, frameBytes } from '../frame/frame.js';
import { damaged, type FrameType, frameFlag, frameType } from '../frame/header.js';
import { deflateCapability, deflated, inflated } from '../link/deflate.js';
import { type Method, methodOf } from '../messages/methods.js';
import {
  callMeta,
  cancelMeta,
  creditMeta,
  type Hello,
  isSerial,
  readEnd,
  readFail,
  readInflatedBytes,
  readInflatedItem,
  readItem,
  readReply,
  type StreamPlace,
} from '../messages/session.js';
import { type CallSpec, type SessionAction, timing } from './types.js';

interface Call {
  id: number;
  /** Null: an orphan, or a call of the machine's own. */
  key: number | null;
  method: Method;
  spec: CallSpec;
  sent: boolean;
  /** Body as it travels. */
  body: Uint8Array<ArrayBuffer> | null;
  /** Its size before it was deflated; null where it was not. */
  inflatedBytes: number | null;
  deadlineAt: number;
  /** When the caller of a cancelled call stops waiting. */
  cancelAt: number;
  nextItem: number;
  /** Items the board has announced with END; null before. */
  itemCount: number | null;
  unconsumedBytes: number;
  uncreditedBytes: number;
}

/** Limits of the peer, from HELLO. */
interface CallLimits {
  maxInflight: number;
  maxFrameBytes: number;
  maxBodyBytes: number;
  /** The board inflates bodies, and the link is slow enough for that to pay. */
  deflate: boolean;
}

/** The table of calls. `emit` takes what it wants done. */
export class CallTable {
  readonly #emit: (action: SessionAction) => void;
  readonly #byId = new Map<number, Call>();
  readonly #byKey = new Map<number, Call>();
  #queue: Call[] = [];
  #nextId = 2;
  #limits: CallLimits = {
    maxInflight: timing.maxInflight,
    maxFrameBytes: 1 << 20,
    maxBodyBytes: 1 << 20,
    deflate: false,
  };

  constructor(emit: (action: SessionAction) => void) {
    this.#emit = emit;
  }

  /** Takes the peer's limits. */
  limit(hello: Hello): void {
    const { maxInflight, maxFrameBytes, maxBodyBytes, capabilities } = hello;
    // On a network deflate costs more time than it saves.
    const deflate = capabilities.includes(deflateCapability) && isSerial(hello);
    this.#limits = { maxInflight: Math.min(maxInflight, timing.maxInflight), maxFrameBytes, maxBodyBytes, deflate };
  }

  /** Puts a call at the end of the queue; `pump` sends it. */
  add(key: number | null, spec: CallSpec, now: number): void {
    const method = methodOf(spec.method);
    if (!method) throw new BoardError('board.bad-argument', `There is no method ${spec.method}`);
    const call: Call = {
      id: this.#freeId(),
      key,
      method,
      spec,
      sent: false,
      body: spec.body,
      inflatedBytes: null,
      deadlineAt: spec.timeoutMs === null ? Number.POSITIVE_INFINITY : now + spec.timeoutMs,
      cancelAt: Number.POSITIVE_INFINITY,
      nextItem: 0,
      itemCount: null,
      unconsumedBytes: 0,
      uncreditedBytes: 0,
    };
    this.#byId.set(call.id, call);
    if (key !== null) this.#byKey.set(key, call);
    this.#queue.push(call);
  }

  /** Sends queued calls as far as the in-flight limit allows. */
  pump(now: number): void {
    while (this.#queue.length > 0 && this.#byId.size - this.#queue.length < this.#limits.maxInflight) {
      const call = this.#queue.shift()!;
      if (this.#limits.deflate) shrink(call);
      const frame = this.#callFrame(call, now);
      if (
        (frame.body?.byteLength ?? 0) > this.#limits.maxBodyBytes ||
        frameBytes(frame) > this.#limits.maxFrameBytes ||
        frame.meta.byteLength > 0xffff
      ) {
        this.#fail(
          call,
          new BoardError(
            'tooLarge',
            `${call.method.name}: a message of ${frameBytes(frame)} bytes; the board takes ${this.#limits.maxFrameBytes}`,
          ),
        );
        continue;
      }
      call.sent = true;
      this.#emit({ type: 'send', frame });
    }
  }

  /** The caller does not want it any more. */
  cancel(key: number, connected: boolean, now: number): void {
    const call = this.#byKey.get(key);
    if (!call || call.cancelAt !== Number.POSITIVE_INFINITY) return;
    if (!call.sent) {
      this.#fail(call, cancelled(call));
      return;
    }
    call.cancelAt = now + timing.cancelMs;
    if (connected) this.#emit({ type: 'send', frame: this.#frame(call, frameType.cancel, cancelMeta(), null) });
  }

  /** The reader of a stream took bytes. */
  consumed(key: number, sizeBytes: number, connected: boolean): void {
    const call = this.#byKey.get(key);
    if (!call) return;
    call.unconsumedBytes = Math.max(0, call.unconsumedBytes - sizeBytes);
    call.uncreditedBytes += sizeBytes;
    if (!connected || (call.uncreditedBytes < timing.streamWindowBytes / 4 && call.unconsumedBytes > 0)) return;
    this.#credit(call, call.uncreditedBytes);
    call.uncreditedBytes = 0;
  }

  /** A REPLY, FAIL, ITEM or END. Throws `board.damaged-message` where it breaks the rules; the link is then to be ended. */
  receive(frame: Frame, now: number): void {
    const call = this.#byId.get(frame.call);
    if (!call?.sent) return;
    if (frame.type === frameType.item) {
      this.#item(call, frame);
      return;
    }
    if (frame.type === frameType.end) {
      call.itemCount = readEnd(frame.meta);
      if (call.itemCount !== call.nextItem)
        throw damaged(`END after ${call.nextItem} items that counts ${call.itemCount}`);
      return;
    }
    if (frame.type === frameType.fail) {
      this.#fail(call, readFail(frame.meta, call.method.name));
      return;
    }
    const result = readReply(frame.meta);
    if (call.method.stream && call.itemCount === null) throw damaged(`${call.method.name}: REPLY before END`);
    this.#forget(call);
    const unwanted = call.key === null || call.cancelAt !== Number.POSITIVE_INFINITY;
    if (unwanted && call.method.undo !== null) {
      if (call.key !== null) this.#emit({ type: 'fail', key: call.key, error: cancelled(call) });
      this.#undo(call, call.method.undo, result, now);
      return;
    }
    if (call.key !== null) this.#emit({ type: 'reply', key: call.key, result, body: bodyOf(frame) });
  }

  /** Ends waits that are over. */
  expire(connected: boolean, now: number): void {
    for (const call of [...this.#byId.values()]) {
      if (call.key === null) continue;
      if (now >= call.cancelAt) this.#orphan(call, cancelled(call));
      else if (!call.sent && now >= call.deadlineAt) this.#fail(call, late(call));
      else if (call.sent && now >= call.deadlineAt + timing.deadlineSlackMs) {
        if (connected) this.#emit({ type: 'send', frame: this.#frame(call, frameType.cancel, cancelMeta(), null) });
        this.#orphan(call, late(call));
      }
    }
  }

  /** When `expire` has work next. */
  wakeAt(): number {
    let at = Number.POSITIVE_INFINITY;
    for (const call of this.#byId.values()) {
      if (call.key === null) continue;
      at = Math.min(at, call.cancelAt, call.sent ? call.deadlineAt + timing.deadlineSlackMs : call.deadlineAt);
    }
    return at;
  }

  /** Streams that a resuming HELLO names. What their readers have taken is credited by it: a CREDIT may be lost with a link. */
  streams(): StreamPlace[] {
    const streams = [...this.#byId.values()].filter(
      (call) => call.sent && call.method.stream && call.itemCount === null,
    );
    for (const call of streams) call.uncreditedBytes = 0;
    return streams.map(({ id, nextItem, unconsumedBytes }) => ({ call: id, nextItem, unusedBytes: unconsumedBytes }));
  }

  /**
   * The session goes on over a new link: everything sent and unanswered is sent again under its old id. Calls already
   * there are joined by the board, results of `once` calls come from its store, so nothing happens twice.
   */
  resend(now: number): void {
    for (const call of [...this.#byId.values()]) {
      if (!call.sent) continue;
      if (call.key === null && call.method.undo === null && call.method.retry !== 'once') {
        this.#emit({ type: 'send', frame: this.#frame(call, frameType.cancel, cancelMeta(), null) });
        this.#forget(call);
        continue;
      }
      this.#emit({ type: 'send', frame: this.#callFrame(call, now) });
      if (call.method.stream && call.itemCount === null) this.#credit(call, call.uncreditedBytes);
      call.uncreditedBytes = 0;
      if (call.cancelAt !== Number.POSITIVE_INFINITY) {
        this.#emit({ type: 'send', frame: this.#frame(call, frameType.cancel, cancelMeta(), null) });
      }
    }
  }

  /** Fails everything. */
  failAll(error: (method: string) => BoardError): void {
    for (const call of [...this.#byId.values()]) this.#fail(call, error(call.method.name));
  }

  #item(call: Call, frame: Frame): void {
    if (!call.method.stream || call.itemCount !== null)
      throw damaged(`${call.method.name}: an ITEM that does not belong there`);
    const { index, payload } = readItem(frame.meta);
    if (index < call.nextItem) return;
    if (index > call.nextItem) throw damaged(`${call.method.name}: ITEM ${index} where ${call.nextItem} was due`);
    const { body, sizeBytes } = itemOf(frame);
    call.nextItem += 1;
    if (call.key === null) {
      this.#credit(call, sizeBytes);
      return;
    }
    call.unconsumedBytes += sizeBytes;
    if (call.unconsumedBytes > timing.streamWindowBytes + this.#limits.maxFrameBytes)
      throw damaged(`${call.method.name}: more items than credit`);
    this.#emit({ type: 'item', key: call.key, payload, body, sizeBytes });
  }

  /** The caller goes, the call stays until the board answers. */
  #orphan(call: Call, error: BoardError): void {
    this.#emit({ type: 'fail', key: call.key!, error });
    this.#byKey.delete(call.key!);
    call.key = null;
    if (call.method.stream && call.unconsumedBytes > 0) this.#credit(call, call.unconsumedBytes);
    call.unconsumedBytes = 0;
  }

  /** Frees what a result holds that nobody will see. */
  #undo(call: Call, undo: number, result: Wire, now: number): void {
    const handle = result instanceof Map ? result.get(0) : undefined;
    if (handle === undefined) return;
    const { epoch } = call.spec;
    this.add(null, { method: undo, args: encodeCbor(new Map([[0, handle]])), body: null, timeoutMs: null, epoch }, now);
    this.pump(now);
  }

  #fail(call: Call, error: BoardError): void {
    this.#forget(call);
    if (call.key !== null) this.#emit({ type: 'fail', key: call.key, error });
  }

  #forget(call: Call): void {
    this.#byId.delete(call.id);
    if (call.key !== null) this.#byKey.delete(call.key);
    if (!call.sent) this.#queue = this.#queue.filter((other) => other !== call);
  }

  #credit(call: Call, sizeBytes: number): void {
    if (sizeBytes > 0)
      this.#emit({ type: 'send', frame: this.#frame(call, frameType.credit, creditMeta(sizeBytes), null) });
  }

  #callFrame(call: Call, now: number): Frame {
    const meta = callMeta(call.spec.args, this.#remaining(call, now), call.inflatedBytes);
    const frame = this.#frame(call, frameType.call, meta, call.body);
    return call.inflatedBytes === null ? frame : { ...frame, flags: frameFlag.compressed };
  }

  #frame(call: Call, type: FrameType, meta: Uint8Array, body: Uint8Array<ArrayBuffer> | null): Frame {
    return { type, flags: 0, method: call.method.number, call: call.id, meta, body };
  }

  #remaining(call: Call, now: number): number | null {
    return Number.isFinite(call.deadlineAt) ? call.deadlineAt - now : null;
  }

  #freeId(): number {
    while (this.#byId.has(this.#nextId)) this.#bump();
    const id = this.#nextId;
    this.#bump();
    return id;
  }

  #bump(): void {
    this.#nextId = this.#nextId >= 0xffff_fffe ? 2 : this.#nextId + 2;
  }
}

/** Deflates the body where that helps, once. */
function shrink(call: Call): void {
  const small = call.body && call.inflatedBytes === null ? deflated(call.body) : null;
  if (!small) return;
  call.inflatedBytes = call.body!.byteLength;
  call.body = small;
}

/** The body as it was before it travelled. */
function bodyOf({ flags, meta, body }: Frame): Uint8Array<ArrayBuffer> | null {
  return body && flags & frameFlag.compressed ? inflated(body, readInflatedBytes(meta)) : body;
}

/** An item's body as it was before it travelled, and what the item counts for in the stream's credit. */
function itemOf({ flags, meta, body }: Frame): { body: Uint8Array<ArrayBuffer> | null; sizeBytes: number } {
  if (body === null || !(flags & frameFlag.compressed))
    return { body, sizeBytes: meta.byteLength + (body?.byteLength ?? 0) };
  const { sizeBytes, addedBytes } = readInflatedItem(meta);
  return { body: inflated(body, sizeBytes), sizeBytes: meta.byteLength - addedBytes + sizeBytes };
}

function cancelled(call: Call): BoardError {
  return new BoardError('cancelled', `${call.method.name} was cancelled`, { fields: { method: call.method.name } });
}

function late(call: Call): BoardError {
  const timeoutMs = call.spec.timeoutMs;
  return new BoardError('deadline', `${call.method.name} was not done after ${timeoutMs} ms`, {
    fields: { method: call.method.name, timeoutMs, sent: call.sent },
  });
}
