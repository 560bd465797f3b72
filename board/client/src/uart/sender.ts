/**
 * The sending half of the ARQ: two queues, fragments, what is in flight, what was lost. Knows sequence numbers, credit and
 * time; refuses to know epochs and sums. Surprising: bytes on a wire do not overtake whole PDUs, so a PDU that went out before
 * an acknowledged one and is not acknowledged itself is lost; nobody waits for its timeout. Of one that went out twice the
 * first transmission counts there: which of them arrived is not said, and all behind a timeout that came too early would be lost.
 */
import { type Pdu, unitsOf } from './pdu.js';
import { type Rate, windowBounds } from './rate.js';
import { RetransmissionTimeout } from './rto.js';

/** One PDU in flight. */
export interface Flight {
  seq: number;
  channel: 0 | 1;
  first: boolean;
  last: boolean;
  payload: Uint8Array;
  /** How often it went out. */
  sends: number;
  /** Place of its last transmission among all transmissions, and of its first. */
  order: number;
  firstOrder: number;
  sentAt: number;
  acked: boolean;
  lost: boolean;
  /** It went out to ask for credit; its loss says nothing of the line. */
  probe: boolean;
  /** Mask of the last transmission. */
  mask: number | null;
}

interface Queued {
  pieces: readonly Uint8Array[];
  sizeBytes: number;
  at: number;
  /** Its first fragment has been made. */
  begun: boolean;
}

const never = Number.POSITIVE_INFINITY;

/** One direction's sender. */
export class Sender {
  readonly rate: Rate;
  readonly rto = new RetransmissionTimeout();
  readonly #queues: [Queued[], Queued[]] = [[], []];
  #flights: Flight[] = [];
  #unacked = 0;
  #next = 0;
  #order = 0;
  #credit = 0;
  #creditlessSince = never;
  /** Timeouts since anything was acknowledged. */
  #timeouts = 0;

  constructor(rate: Rate) {
    this.rate = rate;
  }

  /** Bytes of a channel not handed to the line for the first time yet. */
  queuedBytes(channel: 0 | 1): number {
    return this.#queues[channel].reduce((sum, { sizeBytes, at }) => sum + sizeBytes - at, 0);
  }

  /** True where everything has arrived. */
  get idle(): boolean {
    return this.#flights.length === 0 && this.#queues.every((queue) => queue.length === 0);
  }

  /** Queues a frame; its pieces are read until they have gone out. */
  queue(channel: 0 | 1, pieces: readonly Uint8Array[]): void {
    const sizeBytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#queues[channel].push({ pieces, sizeBytes, at: 0, begun: false });
  }

  /** The credit of a peer that has acknowledged nothing yet. */
  begin(credit: number): void {
    this.#credit = credit;
  }

  /** What to send now: first what was lost, then control, then bulk. */
  next(now: number): Flight | null {
    const lost = this.#flights.find((flight) => flight.lost && !flight.acked);
    if (lost) return lost;
    return this.#fragment(now);
  }

  /** Halves a fragment that defeats every mask; only for the one that `next` has just made. */
  split(flight: Flight): void {
    const queue = this.#queues[flight.channel];
    const half = Math.ceil(flight.payload.byteLength / 2);
    const rest = flight.payload.slice(half);
    if (flight.last) queue.unshift({ pieces: [rest], sizeBytes: rest.byteLength, at: 0, begun: true });
    else queue[0]!.at -= rest.byteLength;
    flight.payload = flight.payload.slice(0, half);
    flight.last = false;
  }

  /** It is on the line, and its last byte will be there at `doneAt`. */
  sent(flight: Flight, wireBytes: number, doneAt: number): void {
    flight.order = this.#order++;
    if (flight.sends === 0) flight.firstOrder = flight.order;
    flight.sends += 1;
    flight.sentAt = doneAt;
    flight.lost = false;
    this.rate.sent(wireBytes);
  }

  /** The peer has everything before `ack` and what `sack` names, and takes `credit` units more. */
  acknowledged({ ack, sack, credit }: Pdu, now: number): void {
    const ahead = (ack - this.#unacked) & 0xffff;
    const inFlight = (this.#next - this.#unacked) & 0xffff;
    if (ahead > inFlight) return;
    this.#unacked = ack;
    this.#credit = credit;
    let newest = -1;
    for (const flight of this.#flights) {
      const place = (flight.seq - ack) & 0xffff;
      const here = place >= 0x8000 || (place >= 1 && place <= 32 && ((sack >>> (place - 1)) & 1) === 1);
      if (!here || flight.acked) continue;
      flight.acked = true;
      this.rate.acked(flight.payload.byteLength);
      if (flight.sends === 1 && !flight.probe) this.rto.sample(now - flight.sentAt);
      newest = Math.max(newest, flight.firstOrder);
    }
    this.#flights = this.#flights.filter(({ seq }) => ((seq - ack) & 0xffff) < 0x8000);
    if (newest < 0) return;
    this.rto.progressed();
    this.#timeouts = 0;
    for (const flight of this.#flights) {
      if (!flight.acked && !flight.lost && flight.order < newest) this.#lose(flight);
    }
  }

  /** Looks for what nobody acknowledged in time. */
  expire(now: number): void {
    const oldest = this.#oldest();
    if (!oldest || now < oldest.sentAt + this.rto.ms) return;
    this.#timeouts += 1;
    this.rto.timedOut();
    // A silent line is not a lossy one: the first timeouts count, the rest only repeat.
    if (this.#timeouts <= 2) this.#lose(oldest);
    else oldest.lost = true;
  }

  /** When `expire` or `next` has work that only time brings. */
  wakeAt(): number {
    const oldest = this.#oldest();
    const probe = this.#creditlessSince === never ? never : this.#creditlessSince + this.rto.ms;
    return Math.min(oldest ? oldest.sentAt + this.rto.ms : never, probe);
  }

  #oldest(): Flight | undefined {
    let oldest: Flight | undefined;
    for (const flight of this.#flights) {
      if (!flight.acked && !flight.lost && (!oldest || flight.order < oldest.order)) oldest = flight;
    }
    return oldest;
  }

  #lose(flight: Flight): void {
    flight.lost = true;
    if (!flight.probe) this.rate.lost(flight.payload.byteLength);
  }

  /** Whether `next` has something that needs no time to pass. */
  get ready(): boolean {
    return this.#flights.some(({ lost, acked }) => lost && !acked) || this.#room() > 0;
  }

  /** Payload bytes that window and credit allow for the next new PDU; 0: none, -1: credit alone is missing. */
  #room(): number {
    const frame = this.#queues[0][0] ?? this.#queues[1][0];
    if (!frame || ((this.#next - this.#unacked) & 0xffff) >= windowBounds.maxPdus) return 0;
    let inFlight = 0;
    let units = 0;
    for (const { payload, acked } of this.#flights) {
      if (!acked) inFlight += payload.byteLength;
      units += unitsOf(payload.byteLength);
    }
    const sizeBytes = Math.min(this.rate.payloadBytes, frame.sizeBytes - frame.at);
    if (inFlight > 0 && inFlight + sizeBytes > this.rate.windowBytes) return 0;
    const left = this.#credit - units;
    if (left >= 1) return Math.min(sizeBytes, left * 256);
    return this.#flights.length === 0 ? -1 : 0;
  }

  #fragment(now: number): Flight | null {
    const room = this.#room();
    const probe = room < 0;
    if (probe && this.#creditlessSince === never) this.#creditlessSince = now;
    if (!probe) this.#creditlessSince = never;
    if (room === 0 || (probe && now < this.#creditlessSince + this.rto.ms)) return null;
    this.#creditlessSince = never;
    const channel = this.#queues[0].length > 0 ? 0 : 1;
    const queue = this.#queues[channel];
    const frame = queue[0]!;
    const sizeBytes = probe ? Math.min(windowBounds.minPayloadBytes, frame.sizeBytes - frame.at) : room;
    const flight: Flight = {
      seq: this.#next,
      channel,
      first: !frame.begun,
      last: frame.at + sizeBytes === frame.sizeBytes,
      payload: copy(frame, sizeBytes),
      sends: 0,
      order: -1,
      firstOrder: -1,
      sentAt: now,
      acked: false,
      lost: false,
      probe,
      mask: null,
    };
    frame.at += sizeBytes;
    frame.begun = true;
    if (flight.last) queue.shift();
    this.#flights.push(flight);
    this.#next = (this.#next + 1) & 0xffff;
    return flight;
  }
}

function copy({ pieces, at }: Queued, sizeBytes: number): Uint8Array {
  const target = new Uint8Array(sizeBytes);
  let skip = at;
  let filled = 0;
  for (const piece of pieces) {
    if (skip >= piece.byteLength) {
      skip -= piece.byteLength;
      continue;
    }
    const part = piece.subarray(skip, skip + sizeBytes - filled);
    target.set(part, filled);
    filled += part.byteLength;
    skip = 0;
    if (filled === sizeBytes) break;
  }
  return target;
}
