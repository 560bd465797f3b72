/** MurmurHash2, 32 bits: front ends name a cell's source by it, so that both sides agree without asking. Knows no cell. */

const M = 0x5bd1e995;
const UTF8 = new TextEncoder();

/** The hash of a text's UTF-8 bytes, as an unsigned number. */
export function murmur2(text: string, seed: number): number {
  const bytes = UTF8.encode(text);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hash = seed ^ bytes.length;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    let block = Math.imul(view.getUint32(at, true), M);
    block = Math.imul(block ^ (block >>> 24), M);
    hash = Math.imul(hash, M) ^ block;
  }
  if (at < bytes.length) {
    let rest = 0;
    for (let byte = bytes.length - 1; byte >= at; byte -= 1) rest = (rest << 8) | view.getUint8(byte);
    hash = Math.imul(hash ^ rest, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return (hash ^ (hash >>> 15)) >>> 0;
}
