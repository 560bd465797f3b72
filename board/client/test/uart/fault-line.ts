/**
 * A serial line in virtual time that does everything a bad one does. Knows bytes; refuses to know the protocol. One object
 * per direction: bytes go in as the sender writes them, come out later, fewer, more, others or in another order.
 */
import type { Random } from './random.js';

/** What may go wrong; all off by default. Probabilities are per byte unless said otherwise. */
export interface Faults {
  /** Bytes per ms that the line carries; more waits. */
  bytesPerMs: number;
  /** Time on the way. */
  latencyMs: number;
  drop: number;
  flip: number;
  /** Per write. */
  duplicate: number;
  /** Per write: it comes after the next one. */
  reorder: number;
  /** Per write of more than 256 bytes without a pause: its bytes overtake each other, as on StarryOS. */
  overtake: number;
  /** Per write: its end is cut off. */
  truncate: number;
  /** Per write: a log line appears in the middle or before. */
  text: number;
  /** Per write: nothing is delivered for a while, then all at once. */
  stall: number;
  /** Per write: everything is lost for a while. */
  silence: number;
  /** Cuts `ESC [ 6 n` out, as StarryOS's terminal does. */
  eatsCursorRequests: boolean;
  /** Bytes that may wait for a reader who is stalled; more is lost. */
  queueBytes: number;
}

/** A good line. */
export const noFaults: Faults = {
  bytesPerMs: Number.POSITIVE_INFINITY,
  latencyMs: 1,
  drop: 0,
  flip: 0,
  duplicate: 0,
  reorder: 0,
  overtake: 0,
  truncate: 0,
  text: 0,
  stall: 0,
  silence: 0,
  eatsCursorRequests: false,
  queueBytes: Number.POSITIVE_INFINITY,
};

const logLine = new TextEncoder().encode('[    4.711] npu: a log line of the kernel\r\n');
/** Writes nearer than this belong to one burst. */
const burstGapMs = 5;

interface Parcel {
  at: number;
  bytes: Uint8Array;
}

/** One direction. */
export class FaultLine {
  readonly #random: Random;
  readonly faults: Faults;
  #parcels: Parcel[] = [];
  #freeAt = 0;
  #stalledUntil = 0;
  #silentUntil = 0;
  #held: Uint8Array | null = null;
  #burst = 0;
  #burstEndsAt = Number.NEGATIVE_INFINITY;
  /** Log lines that it put in. */
  injected = 0;

  constructor(random: Random, faults: Faults) {
    this.#random = random;
    this.faults = faults;
  }

  /** The sender writes. */
  write(bytes: Uint8Array, now: number): void {
    const f = this.faults;
    const random = this.#random;
    if (random.chance(f.silence)) this.#silentUntil = now + 50 + random.below(400);
    if (random.chance(f.stall)) this.#stalledUntil = now + 20 + random.below(1500);
    let out = this.#damage(bytes);
    // A burst grows while writes follow each other at once; a pause ends it.
    this.#burst = now > this.#burstEndsAt + burstGapMs ? out.byteLength : this.#burst + out.byteLength;
    const start = Math.max(now, this.#freeAt);
    this.#freeAt = start + bytes.byteLength / f.bytesPerMs;
    this.#burstEndsAt = this.#freeAt;
    if (now < this.#silentUntil) return;
    if (this.#burst > 256 && random.chance(f.overtake)) random.shuffle(out);
    if (random.chance(f.text)) {
      const at = random.chance(0.5) ? 0 : random.below(out.byteLength + 1);
      out = concat(out.subarray(0, at), logLine, out.subarray(at));
      this.injected += 1;
    }
    const waiting = this.#parcels.reduce((sum, parcel) => sum + parcel.bytes.byteLength, 0);
    if (now < this.#stalledUntil && waiting + out.byteLength > f.queueBytes)
      out = out.subarray(0, Math.max(0, f.queueBytes - waiting));
    const at = Math.max(this.#freeAt + f.latencyMs, this.#stalledUntil);
    const deliver = [out];
    if (this.#held) deliver.push(this.#held);
    this.#held = null;
    if (random.chance(f.duplicate)) deliver.push(out);
    if (random.chance(f.reorder)) this.#held = deliver.pop()!;
    for (const parcel of deliver) this.#parcels.push({ at, bytes: parcel });
  }

  /** When the next bytes come out. */
  nextAt(): number {
    return this.#parcels[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** The bytes that are due, as chunks. */
  take(now: number): Uint8Array[] {
    const due = this.#parcels.filter(({ at }) => at <= now);
    this.#parcels = this.#parcels.filter(({ at }) => at > now);
    return due.map(({ bytes }) => bytes);
  }

  #damage(bytes: Uint8Array): Uint8Array {
    const f = this.faults;
    const random = this.#random;
    let out = f.eatsCursorRequests ? withoutCursorRequests(bytes) : bytes.slice();
    if (f.drop > 0) out = out.filter(() => !random.chance(f.drop));
    if (f.flip > 0) out = out.map((byte) => (random.chance(f.flip) ? byte ^ (1 << random.below(8)) : byte));
    if (random.chance(f.truncate)) out = out.subarray(0, random.below(out.byteLength + 1));
    return out;
  }
}

/** What StarryOS's terminal leaves of one write. */
export function withoutCursorRequests(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < bytes.byteLength; at += 1) {
    if (bytes[at] === 0x1b && bytes[at + 1] === 0x5b && bytes[at + 2] === 0x36 && bytes[at + 3] === 0x6e) at += 3;
    else out.push(bytes[at]!);
  }
  return Uint8Array.from(out);
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
