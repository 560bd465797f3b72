/**
 * Noise_NNpsk0_25519_ChaChaPoly_SHA256 (The Noise Protocol Framework, revision 34, §5, §7.4, §9) on node:crypto. Knows keys
 * and messages; refuses to know who sends them. Tested with the Noise project's own vector.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { damaged } from '../frame/header.js';

const protocolName = 'Noise_NNpsk0_25519_ChaChaPoly_SHA256';
/** DER around the 32 raw bytes of an X25519 key. */
const privateDer = Buffer.from('302e020100300506032b656e04220420', 'hex');
const publicDer = Buffer.from('302a300506032b656e032100', 'hex');
const publicBytes = 32;
/** Bytes an encrypted message has besides its plain text. */
export const tagBytes = 16;

/** One direction's key. Nonces are the caller's: each may be used once. */
export class NoiseCipher {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Encrypts pieces into one message; `headBytes` of room stay free in front. */
  seal(nonce: bigint, pieces: readonly Uint8Array[], headBytes = 0, associated?: Uint8Array): Uint8Array {
    const plainBytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const cipher = createCipheriv('chacha20-poly1305', this.#key, nonceBytes(nonce), { authTagLength: tagBytes });
    if (associated) cipher.setAAD(associated, { plaintextLength: plainBytes });
    const sealed = new Uint8Array(headBytes + plainBytes + tagBytes);
    let at = headBytes;
    for (const piece of pieces) {
      sealed.set(cipher.update(piece), at);
      at += piece.byteLength;
    }
    cipher.final();
    sealed.set(cipher.getAuthTag(), at);
    return sealed;
  }

  /** Decrypts and checks; fails with `board.damaged-message`. */
  open(nonce: bigint, sealed: Uint8Array, associated?: Uint8Array): Uint8Array {
    const plainBytes = sealed.byteLength - tagBytes;
    if (plainBytes < 0) throw damaged('a record shorter than its tag');
    const cipher = createDecipheriv('chacha20-poly1305', this.#key, nonceBytes(nonce), { authTagLength: tagBytes });
    if (associated) cipher.setAAD(associated, { plaintextLength: plainBytes });
    cipher.setAuthTag(sealed.subarray(plainBytes));
    const plain = cipher.update(sealed.subarray(0, plainBytes));
    try {
      cipher.final();
    } catch {
      throw damaged('a record that is damaged, repeated, or of another key');
    }
    return plain;
  }
}

/** The handshake of either side: `write` and `read` in turn, the initiator writes first; then `split`. */
export class NoiseHandshake {
  readonly #initiator: boolean;
  readonly #ephemeral: { privateKey: KeyObject; publicRaw: Uint8Array };
  #chain: Uint8Array;
  #hash: Uint8Array;
  #cipher: NoiseCipher | null = null;
  #nonce = 0n;
  #theirs: Uint8Array | null = null;

  /** `ephemeral`: a private key that is not random, for vectors only. */
  constructor(initiator: boolean, psk: Uint8Array, prologue: Uint8Array, ephemeral?: Uint8Array) {
    this.#initiator = initiator;
    this.#ephemeral = keyPair(ephemeral);
    this.#hash = sha256(Buffer.from(protocolName));
    this.#chain = this.#hash;
    this.#mixHash(prologue);
    const [chain, hash, key] = hkdf(this.#chain, psk, 3);
    this.#chain = chain!;
    this.#mixHash(hash!);
    this.#key(key!);
  }

  /** SHA-256 over the whole handshake: names this connection. */
  get hash(): Uint8Array {
    return this.#hash;
  }

  /** The next message of this side. */
  write(payload: Uint8Array): Uint8Array {
    const { publicRaw } = this.#ephemeral;
    this.#mixPublic(publicRaw);
    if (!this.#initiator) this.#mixShared();
    const sealed = this.#cipher!.seal(this.#nonce++, [payload], 0, this.#hash);
    this.#mixHash(sealed);
    return Buffer.concat([publicRaw, sealed]);
  }

  /** The payload of the other side's message; fails with `board.damaged-message` for everybody without the key. */
  read(message: Uint8Array): Uint8Array {
    if (message.byteLength < publicBytes + tagBytes) throw damaged('a handshake message that is too short');
    this.#theirs = message.slice(0, publicBytes);
    this.#mixPublic(this.#theirs);
    if (this.#initiator) this.#mixShared();
    const sealed = message.subarray(publicBytes);
    const payload = this.#cipher!.open(this.#nonce++, sealed, this.#hash);
    this.#mixHash(sealed);
    return payload;
  }

  /** The two directions, after both messages. */
  split(): { send: NoiseCipher; receive: NoiseCipher } {
    const [first, second] = hkdf(this.#chain, new Uint8Array(0), 2).map((key) => new NoiseCipher(key));
    return this.#initiator ? { send: first!, receive: second! } : { send: second!, receive: first! };
  }

  #mixHash(data: Uint8Array): void {
    this.#hash = sha256(this.#hash, data);
  }

  #mixKey(material: Uint8Array): void {
    const [chain, key] = hkdf(this.#chain, material, 2);
    this.#chain = chain!;
    this.#key(key!);
  }

  #key(key: Uint8Array): void {
    this.#cipher = new NoiseCipher(key);
    this.#nonce = 0n;
  }

  /** Token e in a pattern with a psk: the public key goes into the key as well. */
  #mixPublic(raw: Uint8Array): void {
    this.#mixHash(raw);
    this.#mixKey(raw);
  }

  #mixShared(): void {
    const publicKey = createPublicKey({ key: Buffer.concat([publicDer, this.#theirs!]), format: 'der', type: 'spki' });
    try {
      this.#mixKey(diffieHellman({ privateKey: this.#ephemeral.privateKey, publicKey }));
    } catch {
      throw damaged('a public key that is none');
    }
  }
}

function keyPair(raw?: Uint8Array): { privateKey: KeyObject; publicRaw: Uint8Array } {
  const privateKey = raw
    ? createPrivateKey({ key: Buffer.concat([privateDer, raw]), format: 'der', type: 'pkcs8' })
    : generateKeyPairSync('x25519').privateKey;
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { privateKey, publicRaw: new Uint8Array(der.subarray(-publicBytes)) };
}

/** HKDF of the framework's §4.3, which is RFC 5869 without info. */
function hkdf(chain: Uint8Array, material: Uint8Array, count: number): Uint8Array[] {
  const secret = hmac(chain, material);
  const outputs: Uint8Array[] = [];
  for (let index = 1; index <= count; index += 1) {
    outputs.push(hmac(secret, outputs.at(-1) ?? new Uint8Array(0), Uint8Array.of(index)));
  }
  return outputs;
}

function hmac(key: Uint8Array, ...data: Uint8Array[]): Uint8Array {
  const mac = createHmac('sha256', key);
  for (const part of data) mac.update(part);
  return mac.digest();
}

function sha256(...data: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of data) hash.update(part);
  return hash.digest();
}

function nonceBytes(nonce: bigint): Uint8Array {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setBigUint64(4, nonce, true);
  return bytes;
}
