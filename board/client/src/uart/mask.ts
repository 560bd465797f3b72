/**
 * The mask byte: which one keeps a StarryOS terminal from editing the frame (link-protocol.md §3.4). Knows encoded bytes;
 * refuses to know what they mean. Surprising: a payload can defeat all 256 masks; then the answer is null, and the sender
 * splits it.
 */
import { cobsBound, cobsEncode } from './cobs.js';

/** What the terminal cuts out of the output, wherever it occurs. */
const cutSequence = [0x1b, 0x5b, 0x36, 0x6e] as const;
/** ESC, XON, XOFF, interrupt, end of file: harmless on a raw line, harmful on one that is not raw yet. */
const uncleanBytes = [0x1b, 0x11, 0x13, 0x03, 0x04] as const;

/** A masked and encoded frame, without its delimiters. */
export interface Masked {
  mask: number;
  encoded: Uint8Array;
}

/**
 * Encodes `mask · masked(rest)`; `plain` is the rest with one byte of room in front. Takes the first mask from `from` on
 * (wrapping) that avoids all five unclean bytes, else ESC, else the sequence alone; never `not`.
 */
export function maskAndEncode(plain: Uint8Array, from: number, not: number | null = null): Masked | null {
  const seen = new Uint8Array(256);
  for (let index = 1; index < plain.byteLength; index += 1) seen[plain[index]!] = 1;
  const target = new Uint8Array(cobsBound(plain.byteLength));
  const attempt = (avoid: readonly number[]): Masked | null => {
    for (let step = 0; step < 256; step += 1) {
      const mask = (from + step) & 255;
      if (mask === not || avoid.some((byte) => byte === mask || seen[byte ^ mask] === 1)) continue;
      plain[0] = mask;
      const encoded = target.subarray(0, cobsEncode(plain, target, mask));
      if (avoid.length === 0 ? !holdsSequence(encoded) : !encoded.some((byte) => avoid.includes(byte)))
        return { mask, encoded: encoded.slice() };
    }
    return null;
  };
  return attempt(uncleanBytes) ?? attempt([0x1b]) ?? attempt([]);
}

/** Whether the terminal would cut something out. */
export function holdsSequence(bytes: Uint8Array): boolean {
  const [a, b, c, d] = cutSequence;
  for (let at = bytes.indexOf(a); at >= 0; at = bytes.indexOf(a, at + 1)) {
    if (bytes[at + 1] === b && bytes[at + 2] === c && bytes[at + 3] === d) return true;
  }
  return false;
}
