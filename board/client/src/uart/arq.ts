/**
 * A reliable line over an unreliable one: opens a connection with fresh epochs, repeats what was lost, hands frames on in
 * order, each once. A pure state machine: bytes and time go in, actions and bytes come out; it owns no timer and no port.
 * Surprising: it paces itself to the line's rate, so that at most one PDU stands before a frame that is urgent.
 */
import { BoardError } from '../errors.js';
import {
  decodePdu,
  type Epochs,
  encodePdu,
  maxPayloadBytes,
  overheadBytes,
  type Pdu,
  type PduKind,
  pduKind,
  zeroEpochs,
} from './pdu.js';
import { Rate, smallPayloadBytes } from './rate.js';
import { Receiver } from './receiver.js';
import { type Flight, Sender } from './sender.js';
import { Splitter } from './splitter.js';

/** What a line tells. */
export type ArqAction =
  /** The peer has answered; frames flow. */
  | { type: 'open' }
  /** A whole frame. */
  | { type: 'frame'; channel: 0 | 1; bytes: Uint8Array }
  /** Text that is no protocol. */
  | { type: 'console'; text: string }
  /** The peer began anew: whatever was under way is gone. */
  | { type: 'restarted' }
  /** The peer broke the rules; the line is of no use any more. */
  | { type: 'broken'; error: BoardError };

/** Counts since the line opened. */
export interface ArqCounts {
  sentPdus: number;
  repeatedPdus: number;
  receivedPdus: number;
  damaged: number;
}

/** Options of {@link Arq}. */
export interface ArqOptions {
  /** The host opens; a board waits for it. */
  role: 'host' | 'board';
  /** Random, not 0. */
  epoch: number;
  /** Bytes the line carries in a millisecond; infinite where nobody knows. */
  bytesPerMs?: number;
}

/** Times of the line, ms. */
export const arqTiming = {
  /** Between two SYNs; doubles. */
  synMs: 100,
  synMaxMs: 1000,
  /** How far ahead of the line's own pace PDUs are handed out: what a late timer may cost without idling. */
  lookaheadMs: 4,
  /** Between the pieces of a PDU that failed again and again. */
  careMs: 20,
} as const;

/** Tries after which a long PDU is sent in pieces in any case: it may be the burst that does not get through. */
const carefulAfter = 6;
const pieceBytes = 240;
/** A payload should not hold the line for longer than this. */
const longestPduMs = 100;
const never = Number.POSITIVE_INFINITY;

/** One end of a serial line. */
export class Arq {
  readonly counts: ArqCounts = { sentPdus: 0, repeatedPdus: 0, receivedPdus: 0, damaged: 0 };
  readonly #role: 'host' | 'board';
  readonly #epoch: number;
  readonly #bytesPerMs: number;
  readonly #splitter: Splitter;
  #sender: Sender;
  #receiver: Receiver;
  #peerEpoch: number | null = null;
  /** A peer that greeted but has not proved yet that it is not an echo of the past. */
  #candidate: number | null = null;
  #synAt = never;
  #synMs: number = arqTiming.synMs;
  #answerSyn: number | null = null;
  #ackDue = false;
  #lineFreeAt = Number.NEGATIVE_INFINITY;
  #mask = 0;
  /** The rest of a PDU that goes out in pieces. */
  #pieces: Uint8Array[] = [];
  #broken = false;
  #now = 0;
  #out: ArqAction[] = [];

  constructor({ role, epoch, bytesPerMs = never }: ArqOptions) {
    this.#role = role;
    this.#epoch = epoch >>> 0;
    this.#bytesPerMs = bytesPerMs;
    this.#sender = this.#freshSender();
    this.#receiver = this.#freshReceiver();
    this.#splitter = new Splitter({
      segment: (bytes) => this.#segment(bytes),
      console: (text) => this.#out.push({ type: 'console', text }),
      damaged: () => {
        this.counts.damaged += 1;
      },
    });
  }

  /** True once the peer has answered. */
  get open(): boolean {
    return this.#peerEpoch !== null;
  }

  /** True where everything queued has arrived and is acknowledged. */
  get idle(): boolean {
    return this.#sender.idle && !this.#ackDue;
  }

  /** Bytes of a channel's frames that have not gone out yet. */
  queuedBytes(channel: 0 | 1): number {
    return this.#sender.queuedBytes(channel);
  }

  /** Payload and window now, bytes; smoothed round trip in ms, null before the first. */
  get state(): { payloadBytes: number; windowBytes: number; roundTripMs: number | null } {
    const { payloadBytes, windowBytes } = this.#sender.rate;
    return { payloadBytes, windowBytes, roundTripMs: this.#sender.rto.roundTripMs };
  }

  /** Begins: the host greets. */
  start(now: number): void {
    if (this.#role === 'host') this.#synAt = now;
  }

  /** Greets, as a board may that was reset. */
  greet(now: number): void {
    this.#synAt = now;
  }

  /** Queues a frame; channel 0 goes before channel 1. */
  send(channel: 0 | 1, pieces: readonly Uint8Array[]): void {
    this.#sender.queue(channel, pieces);
  }

  /** Units of 256 bytes this side takes; 0 stops the peer. */
  setRoom(units: number): void {
    this.#receiver.setRoom(units);
    this.#ackDue = this.open;
  }

  /** Takes bytes off the line. */
  receive(chunk: Uint8Array, now: number): ArqAction[] {
    this.#now = now;
    this.#out = [];
    if (!this.#broken) this.#splitter.push(chunk);
    return this.#out;
  }

  /** The next bytes for the line; null: nothing now, see `wakeAt`. */
  poll(now: number): Uint8Array | null {
    if (this.#broken) return null;
    if (now < this.#lineFreeAt - (this.#pieces.length > 0 ? 0 : arqTiming.lookaheadMs)) return null;
    const piece = this.#pieces.shift();
    if (piece) return this.#occupy(piece, now, this.#pieces.length > 0);
    const bytes = this.#greeting(now) ?? (this.open ? this.#traffic(now) : null);
    return bytes && this.#occupy(bytes, now, this.#pieces.length > 0);
  }

  /** When `poll` may have something that no further event brings; infinite: never. */
  wakeAt(): number {
    if (this.#broken) return never;
    if (this.#pieces.length > 0) return this.#lineFreeAt;
    const due = this.#answerSyn !== null || (this.open && (this.#ackDue || this.#sender.ready));
    const at = due ? Number.NEGATIVE_INFINITY : Math.min(this.#synAt, this.open ? this.#sender.wakeAt() : never);
    return at === never ? never : Math.max(at, this.#lineFreeAt - arqTiming.lookaheadMs);
  }

  #freshSender(): Sender {
    const bound = this.#bytesPerMs * longestPduMs;
    return new Sender(new Rate(Number.isFinite(bound) ? Math.floor(bound) : maxPayloadBytes));
  }

  #freshReceiver(): Receiver {
    return new Receiver((channel, bytes) => this.#out.push({ type: 'frame', channel, bytes }));
  }

  #occupy(bytes: Uint8Array, now: number, pause: boolean): Uint8Array {
    const start = Math.max(now, this.#lineFreeAt);
    this.#lineFreeAt = start + bytes.byteLength / this.#bytesPerMs + (pause ? arqTiming.careMs : 0);
    return bytes;
  }

  #greeting(now: number): Uint8Array | null {
    if (this.#answerSyn !== null) {
      const echo = this.#answerSyn;
      this.#answerSyn = null;
      return this.#encode(this.#pdu(pduKind.synAck, synPayload(this.#epoch, echo)), zeroEpochs);
    }
    if (now < this.#synAt) return null;
    this.#synAt = now + this.#synMs;
    this.#synMs = Math.min(arqTiming.synMaxMs, this.#synMs * 2);
    return this.#encode(this.#pdu(pduKind.syn, synPayload(this.#epoch, 0)), zeroEpochs);
  }

  #traffic(now: number): Uint8Array | null {
    this.#sender.expire(now);
    const flight = this.#sender.next(now);
    if (flight) return this.#transmit(flight, now);
    if (!this.#ackDue) return null;
    this.#ackDue = false;
    return this.#encode(this.#pdu(pduKind.ack, new Uint8Array(0)), this.#outgoing());
  }

  #transmit(flight: Flight, now: number): Uint8Array {
    const fresh = flight.sends === 0;
    const data = (credit: number): Uint8Array | null => {
      const pdu = { ...this.#pdu(pduKind.data, flight.payload), ...pick(flight), credit };
      return this.#encodeOrNull(pdu, this.#outgoing(), flight.mask);
    };
    let bytes = data(this.#receiver.credit);
    while (!bytes && fresh && flight.payload.byteLength > 1) {
      this.#sender.split(flight);
      bytes = data(this.#receiver.credit);
    }
    // A repeated one cannot be split any more; another credit makes another sum and other bytes.
    for (let credit = this.#receiver.credit - 1; !bytes && credit >= 0; credit -= 1) bytes = data(credit);
    if (!bytes) throw new Error('a PDU that no mask and no credit can encode');
    this.#ackDue = false;
    flight.mask = this.#mask;
    this.counts.sentPdus += 1;
    if (!fresh) this.counts.repeatedPdus += 1;
    const long = flight.payload.byteLength > smallPayloadBytes;
    const careful = long && (flight.sends >= carefulAfter || (!fresh && this.#sender.rate.careful));
    const doneAt = Math.max(now, this.#lineFreeAt) + bytes.byteLength / this.#bytesPerMs;
    if (!careful) {
      this.#sender.sent(flight, bytes.byteLength, doneAt);
      return bytes;
    }
    const pieces = Array.from({ length: Math.ceil(bytes.byteLength / pieceBytes) }, (_, index) =>
      bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
    );
    this.#sender.sent(flight, bytes.byteLength, doneAt + (pieces.length - 1) * arqTiming.careMs);
    this.#pieces = pieces.slice(1);
    return pieces[0]!;
  }

  #pdu(kind: PduKind, payload: Uint8Array): Pdu {
    const { ack, sack, credit } = this.#receiver;
    return { kind, first: false, last: false, channel: 0, seq: 0, ack, sack, credit, payload };
  }

  #outgoing(): Epochs {
    return { sender: this.#epoch, receiver: this.#peerEpoch ?? 0 };
  }

  #encode(pdu: Pdu, epochs: Epochs): Uint8Array {
    for (let credit = pdu.credit; credit >= 0; credit -= 1) {
      const bytes = this.#encodeOrNull({ ...pdu, credit }, epochs, null);
      if (bytes) return bytes;
    }
    throw new Error('a short PDU that no mask can encode');
  }

  #encodeOrNull(pdu: Pdu, epochs: Epochs, notMask: number | null): Uint8Array | null {
    const wire = encodePdu(pdu, epochs, (this.#mask + 1) & 255, notMask);
    if (wire) this.#mask = wire.mask;
    return wire?.bytes ?? null;
  }

  /** A segment off the line; true where it was a PDU. */
  #segment(bytes: Uint8Array): boolean {
    const found = decodePdu(bytes);
    if (!found || this.#broken) return false;
    const { pdu, valid } = found;
    if (pdu.kind === pduKind.syn || pdu.kind === pduKind.synAck) {
      if (pdu.payload.byteLength !== 8 || !valid(zeroEpochs)) return false;
      this.counts.receivedPdus += 1;
      this.#greeted(pdu);
      return true;
    }
    if (this.#peerEpoch !== null && valid({ sender: this.#peerEpoch, receiver: this.#epoch })) {
      this.counts.receivedPdus += 1;
      this.#traffics(pdu);
      return true;
    }
    if (this.#candidate !== null && valid({ sender: this.#candidate, receiver: this.#epoch })) {
      this.counts.receivedPdus += 1;
      this.#join(this.#candidate, pdu);
      this.#traffics(pdu);
      return true;
    }
    return false;
  }

  #greeted(pdu: Pdu): void {
    const view = new DataView(pdu.payload.buffer, pdu.payload.byteOffset, 8);
    const theirs = view.getUint32(0, true);
    // A terminal that still echoes says what we said.
    if (theirs === this.#epoch || theirs === 0) return;
    if (pdu.kind === pduKind.syn) {
      this.#answerSyn = theirs;
      if (theirs !== this.#peerEpoch) this.#candidate = theirs;
      return;
    }
    if (view.getUint32(4, true) !== this.#epoch) return;
    if (this.#peerEpoch === null) this.#join(theirs, pdu);
    // Also where we were open already: our acknowledgement was lost.
    if (this.#peerEpoch === theirs) this.#ackDue = true;
  }

  #join(epoch: number, pdu: Pdu): void {
    const again = this.#peerEpoch !== null;
    this.#peerEpoch = epoch;
    this.#candidate = null;
    this.#synAt = never;
    if (again) {
      this.#sender = this.#freshSender();
      this.#receiver = this.#freshReceiver();
      this.#out.push({ type: 'restarted' });
    }
    this.#sender.begin(pdu.credit);
    this.#ackDue = true;
    this.#out.push({ type: 'open' });
  }

  #traffics(pdu: Pdu): void {
    this.#sender.acknowledged(pdu, this.#now);
    if (pdu.kind !== pduKind.data) return;
    this.#ackDue = true;
    try {
      this.#receiver.take(pdu);
    } catch (error) {
      if (!(error instanceof BoardError)) throw error;
      this.#broken = true;
      this.#out.push({ type: 'broken', error });
    }
  }
}

function pick({ seq, channel, first, last }: Flight): Pick<Pdu, 'seq' | 'channel' | 'first' | 'last'> {
  return { seq, channel, first, last };
}

function synPayload(own: number, echo: number): Uint8Array {
  const payload = new Uint8Array(8);
  const view = new DataView(payload.buffer);
  view.setUint32(0, own, true);
  view.setUint32(4, echo, true);
  return payload;
}

/** Share of a line that payloads of this size can use. */
export function lineShare(payloadBytes: number): number {
  return payloadBytes / (payloadBytes + overheadBytes);
}
