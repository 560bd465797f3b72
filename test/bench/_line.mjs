// A serial line in virtual time: two ARQs, a rate, a latency each way, bytes that are damaged. Real bytes, no waiting.
import { Arq } from '../../board/client/dist/uart/arq.js';

/** Random numbers from a seed (xorshift32). */
function seeded(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

class Direction {
  constructor({ bytesPerMs, latencyMs, loss, random }) {
    Object.assign(this, { bytesPerMs, latencyMs, loss, random, parcels: [], freeAt: 0 });
    this.nextLoss = this.gap();
  }

  /** Bytes up to the next damaged one: geometric. */
  gap() {
    return this.loss === 0
      ? Number.POSITIVE_INFINITY
      : Math.floor(Math.log(1 - this.random()) / Math.log(1 - this.loss));
  }

  write(bytes, now) {
    const out = bytes.slice();
    let at = this.nextLoss;
    for (; at < out.length; at += 1 + this.gap()) out[at] ^= 1 << Math.floor(this.random() * 8);
    this.nextLoss = at - out.length;
    this.freeAt = Math.max(now, this.freeAt) + out.length / this.bytesPerMs;
    this.parcels.push({ at: this.freeAt + this.latencyMs, bytes: out });
  }
}

/** Goodput of `sizeBytes` in frames of 16 KiB: bytes per ms of virtual time, and what a CANCEL in the middle waits. */
export function goodput({ bytesPerMs, latencyMs, loss, sizeBytes, seed }) {
  const random = seeded(seed);
  const [host, board] = ['host', 'board'].map((role, index) => new Arq({ role, epoch: index + 1, bytesPerMs }));
  const ways = [0, 1].map(() => new Direction({ bytesPerMs, latencyMs, loss, random }));
  let now = 0;
  let arrived = 0;
  const hear = (end, way) => {
    while (way.parcels.length > 0 && way.parcels[0].at <= now) {
      for (const action of end.receive(way.parcels.shift().bytes, now)) {
        if (action.type === 'frame' && end === board) arrived += action.bytes.length;
      }
    }
  };
  const say = (end, way) => {
    for (let bytes = end.poll(now); bytes; bytes = end.poll(now)) way.write(bytes, now);
  };
  const step = () => {
    hear(board, ways[0]);
    hear(host, ways[1]);
    say(host, ways[0]);
    say(board, ways[1]);
    const next = Math.min(host.wakeAt(), board.wakeAt(), ...ways.map(({ parcels }) => parcels[0]?.at ?? Infinity));
    now = Math.max(now, next);
  };
  host.start(0);
  while (!host.open || !board.open) step();
  const body = Uint8Array.from({ length: 16 * 1024 }, () => Math.floor(random() * 256));
  const from = now;
  for (let queued = 0; queued < sizeBytes; queued += body.length) host.send(1, [body]);
  while (arrived < sizeBytes) step();
  return { bytesPerMs: arrived / (now - from), state: host.state, counts: host.counts };
}
