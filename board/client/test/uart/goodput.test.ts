/** What the ARQ makes of a line of 1.5 Mbaud: the table of link-protocol.md §3.4, in virtual time. */
import { describe, expect, test } from 'vitest';
import { lineShare } from '../../src/uart/arq.js';
import { maxPayloadBytes } from '../../src/uart/pdu.js';
import { noFaults } from './fault-line.js';
import { Random } from './random.js';
import { TwoEnds } from './two-ends.js';

const bytesPerMs = 150;
const frameBytes = 16 * 1024;

/** Share of the line that 2 MB in frames of 16 KiB get, with an adapter's latency each way and a byte loss. */
function share(latencyMs: number, flip: number, seed: number): number {
  const line = { ...noFaults, bytesPerMs, latencyMs, flip };
  const ends = new TwoEnds(seed, line, line, bytesPerMs);
  ends.run(() => ends.host.arq.open, 10_000);
  const from = ends.now;
  const body = new Random(seed).bytes(frameBytes);
  const count = 128;
  for (let index = 0; index < count; index += 1) ends.host.arq.send(1, [body]);
  ends.run(() => ends.board.frames.length === count, 600_000);
  return (count * frameBytes) / (ends.now - from) / bytesPerMs;
}

describe('2 MB at 1.5 Mbaud use the line', () => {
  test.each([
    [1, 0, 0.97],
    [16, 0, 0.97],
    [1, 1e-5, 0.94],
    [16, 1e-5, 0.94],
    [1, 1e-4, 0.84],
    [16, 1e-4, 0.84],
  ])('adapter latency %d ms, byte loss %d: at least %d of it', (latencyMs, loss, least) => {
    const got = share(latencyMs, loss, 7);
    console.info(
      `latency ${latencyMs} ms, loss ${loss}: ${(got * bytesPerMs).toFixed(1)} kB/s, ${(got * 100).toFixed(1)} %`,
    );
    expect(got).toBeGreaterThanOrEqual(least);
    expect(got).toBeLessThan(lineShare(maxPayloadBytes));
  });
});
