/**
 * CBOR as the link uses it: deterministic (RFC 8949 §4.2), maps as `Map`. Knows no message. Surprising: JavaScript has
 * one number type, so a float that happens to be whole must be wrapped in {@link Float} or it leaves as an integer.
 */
import { decode, encode } from 'cbor2';
import { BoardError } from '../errors.js';

/** A value that CBOR can carry here. Integers above 2^53 are `bigint`. */
export type Wire = number | bigint | string | boolean | null | Uint8Array | Float | Encoded | Wire[] | WireMap;
/** A CBOR map: small integer keys, text keys only in the fields of an error. */
export type WireMap = Map<number | string, Wire>;

interface ByteWriter {
  write(bytes: Uint8Array): void;
  writeUint8(value: number): void;
  writeUint16(value: number): void;
}

/** A number that is a float on the wire even where it is whole. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
  toCBOR(writer: ByteWriter): undefined {
    if (Number.isInteger(this.value)) writeWholeFloat(this.value, writer);
    else writer.write(encode(this.value, { cde: true }));
  }
}

/** CBOR that is ready; written as it is. */
export class Encoded {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  toCBOR(writer: ByteWriter): undefined {
    writer.write(this.bytes);
  }
}

/** The shortest of f16, f32 and f64 that holds the whole number exactly. */
function writeWholeFloat(value: number, writer: ByteWriter): void {
  const bytes = new Uint8Array(9);
  const view = new DataView(bytes.buffer);
  const half = halfBits(value);
  if (half !== null) {
    view.setUint8(0, 0xf9);
    view.setUint16(1, half);
    writer.write(bytes.subarray(0, 3));
  } else if (Math.fround(value) === value) {
    view.setUint8(0, 0xfa);
    view.setFloat32(1, value);
    writer.write(bytes.subarray(0, 5));
  } else {
    view.setUint8(0, 0xfb);
    view.setFloat64(1, value);
    writer.write(bytes);
  }
}

/** Half-precision bits of a whole number, or null where 11 significant bits do not hold it. */
function halfBits(value: number): number | null {
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude === 0) return sign;
  if (magnitude > 65504) return null;
  const exponent = Math.floor(Math.log2(magnitude));
  const fraction = (magnitude / 2 ** exponent - 1) * 1024;
  return Number.isInteger(fraction) ? sign | ((exponent + 15) << 10) | fraction : null;
}

/** Encodes deterministically. */
export function encodeCbor(value: Wire): Uint8Array {
  return encode(value, { cde: true });
}

/** Decodes one complete item; anything not deterministic, indefinite or tagged is refused with `board.damaged-message`. */
export function decodeCbor(bytes: Uint8Array): Wire {
  try {
    return decode<Wire>(bytes, { cde: true, preferMap: true, rejectStreaming: true, rejectUndefined: true });
  } catch (cause) {
    throw new BoardError('board.damaged-message', `The board sent metadata that is not deterministic CBOR: ${cause}`, {
      cause,
    });
  }
}
