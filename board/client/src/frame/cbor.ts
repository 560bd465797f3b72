/**
 * CBOR as the link uses it: deterministic (RFC 8949 §4.2), maps as `Map`. Knows no message. Surprising: JavaScript has
 * one number type, so a float that happens to be whole must be wrapped in {@link Float} or it leaves as an integer.
 */
import { decode, encode, Token, Tokenizer, Type } from 'cborg';
import { BoardError } from '../errors.js';

/** A value that CBOR can carry here. Integers above 2^53 are `bigint`. */
export type Wire = number | bigint | string | boolean | null | Uint8Array | Float | Wire[] | WireMap;
/** A CBOR map: small integer keys, text keys only in the fields of an error. */
export type WireMap = Map<number | string, Wire>;

/** A number that is a float on the wire even where it is whole. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

const encodeOptions = {
  typeEncoders: { Object: (value: unknown) => (value instanceof Float ? new Token(Type.float, value.value) : null) },
};

const decodeOptions = {
  useMaps: true,
  strict: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: true,
};

/** Encodes deterministically. */
export function encodeCbor(value: Wire): Uint8Array<ArrayBuffer> {
  return encode(value, encodeOptions);
}

/** Encodes a map of few keys whose value under key 0 is CBOR that is ready; `rest` holds the other keys. */
export function encodeAround(ready: Uint8Array, rest: WireMap): Uint8Array<ArrayBuffer> {
  const hole = encodeCbor(new Map<number | string, Wire>([[0, null], ...rest]));
  const bytes = new Uint8Array(hole.byteLength - 1 + ready.byteLength);
  // Byte 0 is the head of the map, byte 1 the key, byte 2 the null.
  bytes.set(hole.subarray(0, 2));
  bytes.set(ready, 2);
  bytes.set(hole.subarray(3), 2 + ready.byteLength);
  return bytes;
}

/** Decodes one complete item; anything not deterministic, indefinite or tagged is refused with `board.damaged-message`. */
export function decodeCbor(bytes: Uint8Array): Wire {
  try {
    const value = decode(bytes, { ...decodeOptions, tokenizer: new Shortest(bytes) }) as Wire;
    checkOrder(value);
    return value;
  } catch (cause) {
    throw new BoardError('board.damaged-message', `The board sent metadata that is not deterministic CBOR: ${cause}`, {
      cause,
    });
  }
}

/** The library's tokens, with what it lets pass refused: floats longer than they need be, and text that is not UTF-8. */
class Shortest extends Tokenizer {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    super(bytes, decodeOptions);
    this.#bytes = bytes;
  }

  override next(): Token {
    const token = super.next();
    const from = this.#at;
    this.#at = this.pos();
    const { value } = token;
    const suspect =
      (token.type === Type.float && typeof value === 'number') ||
      (token.type === Type.string && (value as string).includes('\ufffd'));
    if (suspect && !sameBytes(encode(token.type === Type.float ? new Float(value) : value, encodeOptions), from, this))
      throw new Error(`${token.type.name} that is not written as ${token.type.name}s are`);
    return token;
  }

  /** The bytes of the last token. */
  slice(from: number): Uint8Array {
    return this.#bytes.subarray(from, this.#at);
  }
}

function sameBytes(wanted: Uint8Array, from: number, tokens: Shortest): boolean {
  const found = tokens.slice(from);
  return wanted.byteLength === found.byteLength && wanted.every((byte, index) => byte === found[index]);
}

/** Refuses maps whose keys are neither unsigned integers nor text, or do not stand in the order of their bytes. */
function checkOrder(value: Wire): void {
  if (Array.isArray(value)) for (const element of value) checkOrder(element);
  if (!(value instanceof Map)) return;
  let before: number | bigint | string | undefined;
  for (const [key, inner] of value) {
    if (!isKey(key)) throw new Error('a key that is neither an unsigned integer nor text');
    if (before !== undefined && !follows(key, before)) throw new Error('keys out of order');
    before = key;
    checkOrder(inner);
  }
}

function isKey(key: unknown): key is number | bigint | string {
  return typeof key === 'string' || ((typeof key === 'number' || typeof key === 'bigint') && key >= 0);
}

/** Integers before text, texts by length and then by bytes. */
function follows(key: number | bigint | string, before: number | bigint | string): boolean {
  if (typeof key !== 'string') return typeof before !== 'string' && key > before;
  if (typeof before !== 'string') return true;
  const [a, b] = [Buffer.from(before), Buffer.from(key)];
  return a.byteLength === b.byteLength ? Buffer.compare(a, b) < 0 : a.byteLength < b.byteLength;
}
