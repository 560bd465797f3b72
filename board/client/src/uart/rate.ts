/**
 * How large a payload and how much in flight: found by measuring (link-protocol.md §3.4, §3.16). Knows counts of sent, lost
 * and acknowledged; refuses to know sequence numbers and time. Surprising: bit errors shrink the payload and never the
 * window, overrun queues the window, and a line that shuffles every long burst is met by one short PDU at a time; larger
 * ones are then tried again and again, rarer each time they fail.
 */
import { maxPayloadBytes, overheadBytes } from './pdu.js';

/** Bounds of the window and its pieces, bytes of payload. */
export const windowBounds = { startBytes: 2048, maxBytes: 8192, minPayloadBytes: 64, maxPdus: 32 } as const;
/** One PDU of this payload alone in flight stays below 256 bytes on the wire, which no StarryOS was seen to shuffle. */
export const smallPayloadBytes = 224;

/** Bytes of line over which byte loss is remembered. */
const memoryBytes = 128 * 1024;
/** Above this share of a measuring interval the window halves, below the other it grows. */
const heavyLoss = 0.3;
const lightLoss = 0.12;
/** Long PDUs lost in a row that tell a line which shuffles bursts: chance alone does so once in 10 000 at one in ten lost. */
const hopelessInARow = 4;
/** Outcomes of a trial beyond the short ones. */
const trialPdus = 4;
const longestPatience = 64;

/** Payload and window of one sender. */
export class Rate {
  readonly #largestPayload: number;
  #windowBytes: number = windowBounds.startBytes;
  #sentBytes = 0;
  #lostPdus = 0;
  #interval = { acked: 0, lost: 0 };
  /** Good intervals since the window changed, and how many it takes to grow again. */
  #goodIntervals = 0;
  #patience = 1;
  /** Bound of payload and window on a line that shuffles long bursts; infinite on others. */
  #ceilingBytes = Number.POSITIVE_INFINITY;
  #longLostInARow = 0;
  /** Outcomes under the ceiling of now, and how many short ones it takes to try longer ones. */
  #trial = { acked: 0, lost: 0 };
  #trialPatience = 8;

  /** `largestPayload`: what a slow line should not exceed. */
  constructor(largestPayload: number = maxPayloadBytes) {
    this.#largestPayload = Math.max(windowBounds.minPayloadBytes, Math.min(maxPayloadBytes, largestPayload));
  }

  /** Payload of the next new PDU: √(22 / p) for byte loss p. */
  get payloadBytes(): number {
    const loss = this.#lostPdus / Math.max(1, this.#sentBytes);
    const best = loss === 0 ? maxPayloadBytes : Math.sqrt(overheadBytes / loss);
    return Math.floor(Math.max(windowBounds.minPayloadBytes, Math.min(best, this.#largestPayload, this.#ceilingBytes)));
  }

  /** Payload bytes that may be in flight; one PDU always may. */
  get windowBytes(): number {
    return Math.min(this.#windowBytes, this.#ceilingBytes);
  }

  /** True where long bursts do not get through: a long PDU from before is to be sent in pieces. */
  get careful(): boolean {
    return Number.isFinite(this.#ceilingBytes);
  }

  /** A PDU went out. */
  sent(wireBytes: number): void {
    this.#sentBytes += wireBytes;
    if (this.#sentBytes < memoryBytes) return;
    this.#sentBytes /= 2;
    this.#lostPdus /= 2;
  }

  /** One of this payload arrived. */
  acked(payloadBytes: number): void {
    if (payloadBytes > smallPayloadBytes) this.#longLostInARow = 0;
    this.#interval.acked += 1;
    this.#trial.acked += 1;
    this.#measure();
  }

  /** One of this payload did not. */
  lost(payloadBytes: number): void {
    this.#lostPdus += 1;
    this.#interval.lost += 1;
    this.#trial.lost += 1;
    if (payloadBytes > smallPayloadBytes) {
      this.#longLostInARow += 1;
      if (this.#longLostInARow >= hopelessInARow) this.#shortOnly();
    }
    this.#measure();
  }

  #shortOnly(): void {
    // What long bursts lost says nothing of the line's bytes.
    this.#lostPdus = Math.max(0, this.#lostPdus - this.#longLostInARow);
    this.#longLostInARow = 0;
    if (this.#ceilingBytes !== smallPayloadBytes) this.#trialPatience = Math.min(512, this.#trialPatience * 2);
    this.#ceilingBytes = smallPayloadBytes;
    this.#trial = { acked: 0, lost: 0 };
  }

  #measure(): void {
    if (this.careful) this.#try();
    const { acked, lost } = this.#interval;
    const outcomes = acked + lost;
    if (outcomes < Math.max(4, (2 * this.windowBytes) / this.payloadBytes)) return;
    this.#interval = { acked: 0, lost: 0 };
    const loss = lost / outcomes;
    if (loss > heavyLoss) this.#shrink();
    else if (loss <= lightLoss) this.#grow();
    else this.#goodIntervals = 0;
  }

  #shrink(): void {
    if (this.careful) return;
    this.#windowBytes = Math.max(windowBounds.minPayloadBytes, this.#windowBytes / 2);
    this.#patience = Math.min(longestPatience, this.#patience * 2);
    this.#goodIntervals = 0;
  }

  #grow(): void {
    this.#goodIntervals += 1;
    if (this.#goodIntervals < this.#patience) return;
    this.#goodIntervals = 0;
    if (this.#windowBytes >= windowBounds.maxBytes) this.#patience = Math.max(1, this.#patience / 2);
    this.#windowBytes = Math.min(windowBounds.maxBytes, this.#windowBytes * 2);
  }

  /** Raises the ceiling where what is allowed now gets through, lowers it where a trial fails. */
  #try(): void {
    const { acked, lost } = this.#trial;
    const short = this.#ceilingBytes <= smallPayloadBytes;
    if (!short && lost * 2 > trialPdus) {
      this.#shortOnly();
      return;
    }
    if (acked < (short ? this.#trialPatience : trialPdus)) return;
    this.#trial = { acked: 0, lost: 0 };
    this.#ceilingBytes *= 2;
    if (this.#ceilingBytes > windowBounds.maxBytes) this.#ceilingBytes = Number.POSITIVE_INFINITY;
  }
}
