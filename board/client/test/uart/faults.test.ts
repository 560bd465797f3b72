/** The line under every fault: what arrives is what was sent, once, in order, within a bounded time. Seeds are printed. */
import { describe, expect, test } from 'vitest';
import { faultKinds, firstSeed, runsOf } from './exchange.js';

/** A few hundred in all; `npulab bench faults` makes ten thousand. */
const perFault = 25;

describe('frames arrive once, in order and unchanged', () => {
  test.each(Object.keys(faultKinds))(`under %s (${perFault} seeded runs)`, (name) => {
    console.info(`${name}: seeds ${firstSeed(name)} to ${firstSeed(name) + perFault - 1}`);
    for (const { seed, outcome } of runsOf(name, perFault))
      expect({ seed, ...outcome }).toMatchObject({ seed, corruptBytes: 0, hang: null, broken: 0 });
  });
});
