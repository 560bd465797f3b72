/** Random frames both ways over a line with a fault, by a seed: what arrived wrong, whether it came to an end, what it cost. */
import type { Faults } from './fault-line.js';
import { Random } from './random.js';
import { type End, NeverDone, TwoEnds } from './two-ends.js';

/** Each fault alone, and all together. */
export const faultKinds: Readonly<Record<string, Partial<Faults>>> = {
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

/** What came of a run. */
export interface Outcome {
  /** Bytes of frames that were taken and never sent, or not at this place. */
  corruptBytes: number;
  /** Where it stood when its time was up; null where everything arrived and was acknowledged. */
  hang: string | null;
  /** Connections that broke or began anew by themselves. */
  broken: number;
  sentPdus: number;
  repeatedPdus: number;
  virtualMs: number;
}

/** Ten minutes of virtual time: no run of a few kB needs so long. */
const limitMs = 600_000;

/** Sends random frames both ways and waits for them. */
export function exchange(seed: number, faults: Partial<Faults>): Outcome {
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
  const ways = [
    [ends.host, ends.board],
    [ends.board, ends.host],
  ] as const;
  const hang = hangOf(() =>
    ends.run(
      () => ways.every(([from, to]) => to.frames.length >= sent.get(from)!.flat().length && from.arq.idle),
      limitMs,
    ),
  );
  const counts = ways.map(([from]) => from.arq.counts);
  return {
    corruptBytes: sum(ways.map(([from, to]) => corruptBytes(to, sent.get(from)!))),
    hang,
    broken: sum(ways.map(([, to]) => to.restarted + (to.broken === null ? 0 : 1))),
    sentPdus: sum(counts.map(({ sentPdus }) => sentPdus)),
    repeatedPdus: sum(counts.map(({ repeatedPdus }) => repeatedPdus)),
    virtualMs: ends.now,
  };
}

/** A run of each fault after the other, `perFault` seeds each; seeds of one fault follow each other. */
export function* runsOf(name: string, perFault: number): Generator<{ seed: number; outcome: Outcome }> {
  const base = firstSeed(name);
  for (let seed = base; seed < base + perFault; seed += 1) yield { seed, outcome: exchange(seed, faultKinds[name]!) };
}

/** Where the seeds of a fault begin. */
export function firstSeed(name: string): number {
  return 1000 * (Object.keys(faultKinds).indexOf(name) + 1);
}

function hangOf(run: () => void): string | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof NeverDone) return error.message;
    throw error;
  }
}

function corruptBytes(to: End, sent: readonly Uint8Array[][]): number {
  const next = [0, 0];
  return sum(
    to.frames.map(({ channel, bytes }) => {
      const wanted = sent[channel]![next[channel]!++];
      return wanted !== undefined && Buffer.compare(wanted, bytes) === 0 ? 0 : bytes.byteLength;
    }),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
