/**
 * Reads fields out of decoded metadata, checking each type. Knows CBOR values; refuses to know messages. Every failure is
 * `board.damaged-message` and names the message and the key. Unknown keys are skipped: that is how messages grow.
 */
import type { Wire, WireMap } from '../frame/cbor.js';
import { damaged } from '../frame/header.js';

/** Fields of one map. */
export class Reader {
  readonly #map: WireMap;
  readonly #what: string;

  constructor(value: Wire | undefined, what: string) {
    if (!(value instanceof Map)) throw damaged(`${what}: no map`);
    this.#map = value;
    this.#what = what;
  }

  /** True where the key is there. */
  has(key: number): boolean {
    return this.#map.has(key);
  }

  /** The value as it is; fails where the key is missing. */
  any(key: number): Wire {
    const value = this.#map.get(key);
    if (value === undefined) throw damaged(`${this.#what}: key ${key} is missing`);
    return value;
  }

  /** An unsigned integer up to 2^53. */
  uint(key: number): number {
    const value = this.any(key);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw this.#wrong(key, 'no unsigned integer');
    return value;
  }

  /** An unsigned 64-bit integer; above 2^53 rounded to the nearest double. */
  ticks(key: number): number {
    const value = this.any(key);
    if (typeof value === 'bigint' && value >= 0n) return Number(value);
    return this.uint(key);
  }

  /** An unsigned integer, or null. */
  uintOrNull(key: number): number | null {
    return this.any(key) === null ? null : this.uint(key);
  }

  float(key: number): number {
    const value = this.any(key);
    if (typeof value !== 'number') throw this.#wrong(key, 'no number');
    return value;
  }

  text(key: number): string {
    const value = this.any(key);
    if (typeof value !== 'string') throw this.#wrong(key, 'no text');
    return value;
  }

  bool(key: number): boolean {
    const value = this.any(key);
    if (typeof value !== 'boolean') throw this.#wrong(key, 'no boolean');
    return value;
  }

  /** A byte string, of `sizeBytes` where that is given. */
  bytes(key: number, sizeBytes?: number): Uint8Array {
    const value = this.any(key);
    if (!(value instanceof Uint8Array) || (sizeBytes !== undefined && value.byteLength !== sizeBytes)) {
      throw this.#wrong(key, sizeBytes === undefined ? 'no bytes' : `not ${sizeBytes} bytes`);
    }
    return value;
  }

  list(key: number): Wire[] {
    const value = this.any(key);
    if (!Array.isArray(value)) throw this.#wrong(key, 'no list');
    return value;
  }

  /** A list of unsigned integers. */
  uints(key: number): number[] {
    return this.list(key).map((value) => {
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
        throw this.#wrong(key, 'no list of unsigned integers');
      return value;
    });
  }

  /** The fields of a nested map. */
  inner(key: number): Reader {
    return new Reader(this.any(key), `${this.#what}.${key}`);
  }

  /** The fields of each map of a list. */
  readers(key: number): Reader[] {
    return this.list(key).map((value, index) => new Reader(value, `${this.#what}.${key}[${index}]`));
  }

  /** One of a closed set of texts. */
  oneOf<T extends string>(key: number, allowed: readonly T[]): T {
    const value = this.text(key);
    const found = allowed.find((one) => one === value);
    if (found === undefined) throw this.#wrong(key, `not one of ${allowed.join(', ')}`);
    return found;
  }

  #wrong(key: number, what: string) {
    return damaged(`${this.#what}: key ${key} is ${what}`);
  }
}

/** Bytes as hex digits. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** 64 hex digits as 32 bytes, or null. */
export function digestBytes(hex: string): Uint8Array | null {
  if (!/^[0-9a-f]{64}$/i.test(hex)) return null;
  return Uint8Array.from({ length: 32 }, (_, index) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16));
}
