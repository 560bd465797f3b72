import { expect, test } from 'vitest';
import { jsonBytes } from '../../src/engine/child/json-text.js';

const PIECE_CHARACTERS = 32 * 1024;

test.each([
  ['nothing', ''],
  ['letters', 'x'.repeat(100_000)],
  ['lines, quotes and backslashes', 'a "b" \\ c\r\n\t'.repeat(20_000)],
  ['control characters, six bytes each', '\u0000\u001f'.repeat(50_000)],
  ['characters of two and three bytes', 'é€'.repeat(50_000)],
  ['half a pair alone', `\ud83d${'x'.repeat(40_000)}\ude00`],
])('the JSON of %s, made in pieces, is what JSON.stringify makes', (_name, text) => {
  expect(jsonBytes(text).toString()).toBe(JSON.stringify(text));
});

test('a pair of surrogates that two pieces share is read as one character', () => {
  const text = `${'x'.repeat(PIECE_CHARACTERS - 1)}\u{1f600}`;
  expect(JSON.parse(jsonBytes(text).toString())).toBe(text);
});
