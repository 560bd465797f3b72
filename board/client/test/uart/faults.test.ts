/** The line under every fault: what arrives is what was sent, once, in order, within a bounded time. Seeds are printed. */
import { describe, expect, test } from 'vitest';
import type { Faults } from './fault-line.js';
import { Random } from './random.js';
import { type End, TwoEnds } from './two-ends.js';

/** Runs in all; NPULAB_FAULT_RUNS=10000 for the long job. */
const runs = Number(process.env.NPULAB_FAULT_RUNS ?? 300);
const minutes = 60_000;

const each: Record<string, Partial<Faults>> = {
  drop: { drop: 1e-3 },
  flip: { flip: 1e-3 },
  duplicate: { duplicate: 0.2 },
  reorder: { reorder: 0.2 },
  'overtaking within bursts': { overtake: 0.4 },
  'overtaking of every burst': { overtake: 1 },
  truncate: { truncate: 0.1 },
  'text injection': { text: 0.1, eatsCursorRequests: true },
  stall: { stall: 0.02, queueBytes: 4096 },
  silence: { silence: 0.02 },
  'a slow line': { bytesPerMs: 11.5 },
  'all together': {
    drop: 1e-4,
    flip: 1e-4,
    duplicate: 0.02,
    reorder: 0.02,
    overtake: 0.05,
    truncate: 0.02,
    text: 0.02,
    stall: 0.003,
    silence: 0.003,
    eatsCursorRequests: true,
    queueBytes: 4096,
    bytesPerMs: 150,
  },
};

/** Sends random frames both ways and waits for them. */
function exchange(seed: number, faults: Partial<Faults>): TwoEnds {
  const ends = new TwoEnds(seed, faults);
  const random = new Random(seed ^ 0x5eed);
  const sent = new Map<End, Uint8Array[][]>();
  for (const from of [ends.host, ends.board]) {
    const queues: Uint8Array[][] = [[], []];
    sent.set(from, queues);
    for (let count = 1 + random.below(12); count > 0; count -= 1) {
      const channel = random.chance(0.5) ? 0 : 1;
      const bytes = random.bytes(1 + random.below(channel === 0 ? 200 : 6000));
      if (random.chance(0.3))
        for (let at = 0; at + 4 <= bytes.byteLength; at += 9) bytes.set([0x1b, 0x5b, 0x36, 0x6e], at);
      queues[channel]!.push(bytes);
      from.arq.send(channel, [bytes.subarray(0, 3), bytes.subarray(3)]);
    }
  }
  const wanted = (end: End) => sent.get(end)!.flat().length;
  ends.run(
    () =>
      ends.board.frames.length >= wanted(ends.host) &&
      ends.host.frames.length >= wanted(ends.board) &&
      ends.host.arq.idle &&
      ends.board.arq.idle,
    10 * minutes,
  );
  for (const [from, to] of [
    [ends.host, ends.board],
    [ends.board, ends.host],
  ] as const) {
    for (const channel of [0, 1] as const) {
      const arrived = to.frames.filter((frame) => frame.channel === channel).map(({ bytes }) => hex(bytes));
      expect(arrived).toEqual(sent.get(from)![channel]!.map(hex));
    }
    expect(to.broken).toBeNull();
    expect(to.restarted).toBe(0);
  }
  return ends;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('frames arrive once, in order and unchanged', () => {
  const names = Object.keys(each);
  const perFault = Math.max(1, Math.round(runs / names.length));
  test.each(names)(`under %s (${perFault} seeded runs)`, { timeout: 3_600_000 }, (name) => {
    const base = 1000 * (names.indexOf(name) + 1);
    console.info(`${name}: seeds ${base} to ${base + perFault - 1}`);
    for (let seed = base; seed < base + perFault; seed += 1) {
      try {
        exchange(seed, each[name]!);
      } catch (cause) {
        throw new Error(`${name}, seed ${seed}: ${(cause as Error).message}`, { cause });
      }
    }
  });
});
