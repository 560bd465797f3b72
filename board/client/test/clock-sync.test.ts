/** The board's clock against ours: the error that is stated holds, whatever way the time on the wire was split. */
import { expect, test } from 'vitest';
import { ClockSync } from '../src/session/clock-sync.js';
import { Random } from './uart/random.js';

test('the stated error holds for every split of the round trip', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = new Random(seed);
    const offsetMs = random.below(1_000_000) - 500_000;
    const sync = new ClockSync(1_000_000);
    for (let count = 0; count < 5; count += 1) {
      const sentMs = 1000 * count;
      const [there, held, back] = [random.next() * 20, random.next() * 5, random.next() * 20];
      sync.add({
        sentMs,
        receivedTicks: (sentMs + there + offsetMs) * 1000,
        answeredTicks: (sentMs + there + held + offsetMs) * 1000,
        gotMs: sentMs + there + held + back,
      });
    }
    const { offsetMs: found, errorMs, roundTripMs, samples } = sync.estimate(0)!;
    expect(Math.abs(found - offsetMs), `seed ${seed}`).toBeLessThanOrEqual(errorMs + 1e-6);
    expect([errorMs, samples]).toEqual([roundTripMs / 2, 5]);
  }
});

test('drift is told once there is enough to tell it from, and only the last sixteen samples count', () => {
  const sync = new ClockSync(1000);
  expect(sync.estimate(0)).toBeNull();
  for (let count = 0; count < 40; count += 1) {
    const sentMs = count * 2000;
    const boardMs = (sentMs + 1) * 1.00005;
    sync.add({ sentMs, receivedTicks: boardMs, answeredTicks: boardMs, gotMs: sentMs + 2 });
    const { driftPpm, samples } = sync.estimate(0)!;
    expect(samples).toBe(Math.min(16, count + 1));
    if (count < 10) expect(driftPpm).toBeNull();
    else expect(driftPpm).toBeCloseTo(50, 3);
  }
});

test('the zero of our stamps moves the offset and nothing else', () => {
  const sync = new ClockSync(1000);
  sync.add({ sentMs: 10, receivedTicks: 111, answeredTicks: 112, gotMs: 13 });
  expect(sync.estimate(0)).toEqual({ offsetMs: 100, errorMs: 1, driftPpm: null, roundTripMs: 2, samples: 1 });
  expect(sync.estimate(1000)!.offsetMs).toBe(-900);
});
