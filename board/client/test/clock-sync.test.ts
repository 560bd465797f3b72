/** The board's clock against ours: the error that is stated holds, whatever way the time on the wire was split. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../src/session/clock.js';
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

test('host time is as fine as the offset that is told in it, and follows a wall clock that is set', () => {
  const zeros = Array.from({ length: 1000 }, () => systemClock.wallMicros() - systemClock.now() * 1000);
  // Between the two readings of a pair something else may run, which makes its zero earlier; most pairs are undisturbed.
  const latest = [...zeros].sort((a, b) => b - a).slice(0, 500);
  expect(latest[0]! - latest.at(-1)!).toBeLessThan(100);
  expect(Math.abs(systemClock.wallMicros() / 1000 - Date.now())).toBeLessThanOrEqual(20);
  const hourLater = Date.now() + 3_600_000;
  vi.spyOn(Date, 'now').mockReturnValue(hourLater);
  onTestFinished(() => void vi.restoreAllMocks());
  expect(Math.abs(systemClock.wallMicros() / 1000 - hourLater)).toBeLessThanOrEqual(3);
});
