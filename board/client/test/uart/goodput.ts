/** What the line makes of its bytes per ms: frames of 16 KiB one way, in virtual time. */
import { type Faults, noFaults } from './fault-line.js';
import { Random } from './random.js';
import { TwoEnds } from './two-ends.js';

const frameBytes = 16 * 1024;

/** Bytes per ms that 2 MiB get on a line of `bytesPerMs`, with an adapter's latency each way and a byte loss. */
export function goodput(line: Pick<Faults, 'bytesPerMs' | 'latencyMs' | 'flip'>, seed: number): number {
  const faults = { ...noFaults, ...line };
  const ends = new TwoEnds(seed, faults, faults, line.bytesPerMs);
  ends.run(() => ends.host.arq.open, 10_000);
  const from = ends.now;
  const body = new Random(seed).bytes(frameBytes);
  const count = 128;
  for (let index = 0; index < count; index += 1) ends.host.arq.send(1, [body]);
  ends.run(() => ends.board.frames.length === count, 600_000);
  return (count * frameBytes) / (ends.now - from);
}
