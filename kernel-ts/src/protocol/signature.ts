/**
 * HMAC over the four JSON frames, and the memory of signatures already seen. Refuses to know what the frames mean.
 * Surprising: an empty key means "not signed": everything is accepted, and nothing counts as a replay.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { ProtocolError } from './errors.js';

/** Signatures remembered for the replay check; the oldest is forgotten first. About 10 MB when full. */
export const rememberedSignatures = 65_536;

/** Signs what leaves, checks what arrives. One for all sockets of a kernel. */
export class Signer {
  readonly #hash: string;
  readonly #key: string;
  readonly #seen = new Set<string>();

  constructor(hash: string, key: string) {
    this.#hash = hash;
    this.#key = key;
  }

  /** Hexadecimal signature of the frames; the empty string with an empty key. */
  sign(frames: readonly (Uint8Array | string)[]): string {
    if (this.#key === '') return '';
    const hmac = createHmac(this.#hash, this.#key);
    for (const frame of frames) hmac.update(frame);
    return hmac.digest('hex');
  }

  /**
   * Accepts a message once.
   *
   * @throws ProtocolError `protocol.bad-signature`, `protocol.replayed`.
   */
  accept(signature: Uint8Array, frames: readonly Uint8Array[]): void {
    if (this.#key === '') return;
    const expected = Buffer.from(this.sign(frames));
    if (signature.byteLength !== expected.byteLength || !timingSafeEqual(signature, expected)) {
      throw new ProtocolError('protocol.bad-signature', 'a message has a wrong signature');
    }
    const text = expected.toString('latin1');
    if (this.#seen.has(text)) throw new ProtocolError('protocol.replayed', 'a message came a second time');
    this.#seen.add(text);
    if (this.#seen.size > rememberedSignatures) {
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    }
  }
}
