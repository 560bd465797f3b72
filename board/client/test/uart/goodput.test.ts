/** What the ARQ makes of a line of 1.5 Mbaud: the table of link-protocol.md §3.4, in virtual time. */
import { describe, expect, test } from 'vitest';
import { lineShare } from '../../src/uart/arq.js';
import { maxPayloadBytes } from '../../src/uart/pdu.js';
import { goodput } from './goodput.js';

const bytesPerMs = 150;

describe('2 MiB at 1.5 Mbaud use the line', () => {
  test.each([
    [1, 0, 0.97],
    [16, 0, 0.97],
    [1, 1e-5, 0.94],
    [16, 1e-5, 0.94],
    [1, 1e-4, 0.84],
    [16, 1e-4, 0.84],
  ])('adapter latency %d ms, byte loss %d: at least %d of it', (latencyMs, flip, least) => {
    const share = goodput({ bytesPerMs, latencyMs, flip }, 7) / bytesPerMs;
    expect(share).toBeGreaterThanOrEqual(least);
    expect(share).toBeLessThan(lineShare(maxPayloadBytes));
  });
});
