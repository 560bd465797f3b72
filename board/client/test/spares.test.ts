import { expect, test } from 'vitest';
import { Spares } from '../src/frame/spares.js';

const size = 64 * 1024;

test('memory that was given is taken for the next body of its size, once', () => {
  const spares = new Spares();
  const given = new Uint8Array(size).fill(7);
  spares.give(given);
  expect(spares.take(size)).toBe(given);
  expect(spares.take(size)).toEqual(new Uint8Array(size));
});

test('memory of another size stays', () => {
  const spares = new Spares();
  const given = new Uint8Array(size);
  spares.give(given);
  expect(spares.take(size + 8)).toHaveLength(size + 8);
  expect(spares.take(size)).toBe(given);
});

test('small memory, and a view of a part, are not kept: their bytes may be somebody else’s', () => {
  const spares = new Spares();
  const small = new Uint8Array(16);
  const part = new Uint8Array(new ArrayBuffer(2 * size), 0, size);
  spares.give(small);
  spares.give(part);
  expect(spares.take(16)).not.toBe(small);
  expect(spares.take(size)).not.toBe(part);
});

test('no more than a dozen are kept', () => {
  const spares = new Spares();
  const given = Array.from({ length: 20 }, () => new Uint8Array(size));
  for (const bytes of given) spares.give(bytes);
  const taken = Array.from({ length: 20 }, () => spares.take(size));
  expect(taken.filter((bytes) => given.includes(bytes))).toHaveLength(12);
});
