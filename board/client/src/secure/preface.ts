/** What a host says first on a secured connection (link.cddl, "Noise"). Knows the eight bytes; refuses to know where they go. */
import { createHash } from 'node:crypto';

/** Names a key without telling it. */
export function keyId(key: Uint8Array): Uint8Array {
  return createHash('sha256').update('npulab key id').update(key).digest().subarray(0, 4);
}

/** Magic, version 1, mode 1, key id; the handshake's prologue too. */
export function preface(key: Uint8Array): Uint8Array {
  return Uint8Array.from([0x4e, 0x4c, 1, 1, ...keyId(key)]);
}
