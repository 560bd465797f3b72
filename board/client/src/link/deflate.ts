/**
 * Bodies made smaller: raw deflate (RFC 1951), only where it helps. Knows bytes; refuses to know messages. The size before is
 * told beside the body and checked before anything is inflated.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { damaged } from '../frame/header.js';

/** Name of the capability in both HELLOs. */
export const deflateCapability = 'body.deflate';
/** The same for bodies of items, which only a board sends. */
export const itemDeflateCapability = 'item.deflate';
/** Largest body after inflating. */
const maxInflatedBytes = 16 << 20;
/** Shorter bodies are not worth the trouble. */
const leastBytes = 256;
/** What the beginning must shrink to. */
const worthIt = 0.9;
const beginningBytes = 64 * 1024;

/** The deflated body; null where it would save less than a tenth. */
export function deflated(body: Uint8Array): Uint8Array<ArrayBuffer> | null {
  if (body.byteLength < leastBytes) return null;
  const beginning = body.subarray(0, beginningBytes);
  const small = deflateRawSync(beginning);
  if (small.byteLength > beginning.byteLength * worthIt) return null;
  const whole = beginning.byteLength === body.byteLength ? small : deflateRawSync(body);
  return new Uint8Array(whole);
}

/** The body as it was. Fails with `board.damaged-message` where it is not exactly as long as was said. */
export function inflated(body: Uint8Array, sizeBytes: number): Uint8Array<ArrayBuffer> {
  if (sizeBytes > maxInflatedBytes) throw damaged(`a body that inflates to ${sizeBytes} bytes`);
  try {
    const whole = inflateRawSync(body, { maxOutputLength: Math.max(1, sizeBytes) });
    if (whole.byteLength === sizeBytes) return new Uint8Array(whole);
  } catch {
    // Told below: it is either longer than was said, or no deflate at all.
  }
  throw damaged(`a compressed body that does not inflate to the ${sizeBytes} bytes it names`);
}
