// Knows the three protobuf wire types that tokenizer.model uses. Refuses to know SentencePiece's fields.
// Surprise: lengths come from the file, so each is checked against what is left before it is used.
import { QuantError } from '../errors.js';

/** One field of a message: a varint (64-bit kept as number while exact), four raw bytes, or a byte string. */
export interface ProtobufField {
  readonly field: number;
  readonly wire: 0 | 1 | 2 | 5;
  /** Value of a varint; 0 otherwise. */
  readonly value: number;
  /** Raw bytes of fixed and length-delimited fields; a view. */
  readonly bytes: Uint8Array;
}

const damaged = (message: string): QuantError => new QuantError('model.damaged-tokenizer', `tokenizer: ${message}`);
const EMPTY = new Uint8Array(0);

/** Iterates over the fields of one message. Errors: `model.damaged-tokenizer`. */
export function* protobufFields(bytes: Uint8Array): Generator<ProtobufField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw damaged('ends inside a number');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw damaged('a number is longer than ten bytes');
  };
  while (at < bytes.length) {
    const key = varint();
    const field = Math.floor(key / 8);
    const wire = key % 8;
    if (field === 0) throw damaged('field number 0');
    if (wire === 0) {
      yield { field, wire, value: varint(), bytes: EMPTY };
    } else if (wire === 1 || wire === 2 || wire === 5) {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : varint();
      if (length > bytes.length - at) throw damaged(`a field of ${length} bytes, ${bytes.length - at} are left`);
      yield { field, wire, value: 0, bytes: bytes.subarray(at, at + length) };
      at += length;
    } else {
      throw damaged(`wire type ${wire}`);
    }
  }
}

/** Writes a message; the counterpart of {@link protobufFields}. */
export class ProtobufWriter {
  readonly #bytes: number[] = [];

  /** A varint field; value up to 2^53. */
  varint(field: number, value: number): this {
    this.#number(field * 8);
    this.#number(value);
    return this;
  }

  /** A float field. */
  float(field: number, value: number): this {
    this.#number(field * 8 + 5);
    this.#bytes.push(...new Uint8Array(new Float32Array([value]).buffer));
    return this;
  }

  /** A length-delimited field. */
  data(field: number, value: Uint8Array | string): this {
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    this.#number(field * 8 + 2);
    this.#number(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** The message. */
  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #number(value: number): void {
    while (value >= 0x80) {
      this.#bytes.push((value % 0x80) | 0x80);
      value = Math.floor(value / 0x80);
    }
    this.#bytes.push(value);
  }
}
