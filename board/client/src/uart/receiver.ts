/**
 * The receiving half of the ARQ: order, duplicates, reassembly, what to acknowledge. Knows sequence numbers; refuses to know
 * epochs, sums and time. Memory is bounded by the 32 PDUs of the bitmap and one frame per channel.
 */
import { BoardError } from '../errors.js';
import { type Pdu, unitsOf } from './pdu.js';

/** PDUs beyond `ack` that the bitmap can name. */
export const bitmapPdus = 32;
/** Largest session frame on a serial line: header, meta, padding, a body of 16 KiB, a tag of Noise; rounded up. */
export const maxUartFrameBytes = 98_304;

/** What came in order. */
export type Received = (channel: 0 | 1, frame: Uint8Array) => void;

/** One direction's receiver. */
export class Receiver {
  readonly #onFrame: Received;
  readonly #early = new Map<number, Pdu>();
  readonly #parts: [Uint8Array[] | null, Uint8Array[] | null] = [null, null];
  #next = 0;
  #roomUnits = 128;

  constructor(onFrame: Received) {
    this.#onFrame = onFrame;
  }

  /** The next sequence number that is due. */
  get ack(): number {
    return this.#next;
  }

  /** Bit i: ack + 1 + i is here. */
  get sack(): number {
    let bits = 0;
    for (let bit = 0; bit < bitmapPdus; bit += 1) {
      if (this.#early.has((this.#next + 1 + bit) & 0xffff)) bits |= 1 << bit;
    }
    return bits >>> 0;
  }

  /** Units of 256 bytes it takes beyond `ack`. */
  get credit(): number {
    return Math.min(255, this.#roomUnits);
  }

  /** How much the user has room for; 0 stops the sender. */
  setRoom(units: number): void {
    this.#roomUnits = Math.max(0, Math.floor(units));
  }

  /** Takes a data PDU whose sum was right. Fails with `board.damaged-message` where frames do not fit together. */
  take(pdu: Pdu): void {
    const ahead = (pdu.seq - this.#next) & 0xffff;
    if (ahead > bitmapPdus || this.#early.has(pdu.seq)) return;
    if (this.#unitsHeld() + unitsOf(pdu.payload.byteLength) > this.#roomUnits) return;
    if (ahead > 0) {
      this.#early.set(pdu.seq, { ...pdu, payload: pdu.payload.slice() });
      return;
    }
    for (let next: Pdu | undefined = pdu; next; next = this.#takeEarly()) {
      this.#next = (this.#next + 1) & 0xffff;
      this.#append(next);
    }
  }

  #takeEarly(): Pdu | undefined {
    const pdu = this.#early.get(this.#next);
    this.#early.delete(this.#next);
    return pdu;
  }

  #unitsHeld(): number {
    let units = 0;
    for (const pdu of this.#early.values()) units += unitsOf(pdu.payload.byteLength);
    return units;
  }

  #append({ channel, first, last, payload }: Pdu): void {
    let parts = this.#parts[channel];
    if (payload.byteLength === 0 && !(first && last)) throw broken('an empty piece of a frame');
    if (first !== (parts === null)) throw broken(first ? 'a frame that begins inside another' : 'a piece of no frame');
    parts ??= [];
    parts.push(payload.slice());
    this.#parts[channel] = last ? null : parts;
    const sizeBytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
    if (sizeBytes > maxUartFrameBytes) throw broken(`a frame of more than ${maxUartFrameBytes} bytes`);
    if (last) this.#onFrame(channel, join(parts, sizeBytes));
  }
}

function join(parts: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

function broken(what: string): BoardError {
  return new BoardError('board.damaged-message', `The board sent ${what} on the serial line`);
}
