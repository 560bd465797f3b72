// Knows the safetensors format: header length, JSON header, one byte buffer fully covered by the tensors.
// Refuses to know what a tensor means and how the bytes came here (a mapped file, a test's array).
// Surprise: JSON.parse keeps the last of two equal keys, so duplicates are looked for in the text itself.
import { QuantError } from '../errors.js';
import { duplicateKey } from './json-keys.js';

/** Bytes per element of every dtype the format names. */
export const DTYPE_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
};

/** Longest header accepted, in bytes. */
export const MAX_HEADER_BYTES = 100_000_000;

/** One tensor of the file. */
export interface SafetensorsEntry {
  readonly name: string;
  /** A key of {@link DTYPE_BYTES}. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** View of the bytes, unaligned. */
  readonly bytes: Uint8Array;
}

/** A parsed file. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  /** The `__metadata__` strings. */
  readonly metadata: ReadonlyMap<string, string>;
}

const damaged = (message: string, cause?: unknown): QuantError =>
  new QuantError('model.damaged-safetensors', message, cause);

/** Parses a whole file; the entries are views. `label` begins every message. Errors: `model.damaged-safetensors`. */
export function parseSafetensors(file: Uint8Array, label = 'model.safetensors'): Safetensors {
  const fail = (message: string, cause?: unknown): QuantError => damaged(`${label}: ${message}`, cause);
  if (file.length < 8) throw fail(`${file.length} bytes; the header length alone takes 8`);
  const headerBytes = new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true);
  if (headerBytes > BigInt(MAX_HEADER_BYTES))
    throw fail(`header of ${headerBytes} bytes; at most ${MAX_HEADER_BYTES} are accepted`);
  const start = 8 + Number(headerBytes);
  if (start > file.length) throw fail(`header of ${headerBytes} bytes in a file of ${file.length}`);
  const data = file.subarray(start);
  const metadata = new Map<string, string>();
  const entries: (SafetensorsEntry & { begin: number; end: number })[] = [];
  for (const [name, value] of headerEntries(file.subarray(8, start), fail)) {
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== 'string') throw fail(`__metadata__ ${JSON.stringify(key)} is not a string`);
        metadata.set(key, text);
      }
    } else {
      entries.push(checkedEntry(name, value as Record<string, unknown>, data, fail));
    }
  }
  let covered = 0;
  const byPosition = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  for (const { name, begin, end } of byPosition) {
    if (begin > covered)
      throw fail(`${begin - covered} bytes before tensor ${JSON.stringify(name)} belong to no tensor`);
    if (begin < covered)
      throw fail(`tensor ${JSON.stringify(name)} overlaps the one before it by ${covered - begin} bytes`);
    covered = end;
  }
  if (covered < data.length) throw fail(`${data.length - covered} bytes at the end belong to no tensor`);
  return {
    tensors: new Map(entries.map(({ name, dtype, shape, bytes }) => [name, { name, dtype, shape, bytes }])),
    metadata,
  };
}

type Fail = (message: string, cause?: unknown) => QuantError;

function headerEntries(header: Uint8Array, fail: Fail): [string, object][] {
  if (header[0] !== 0x7b) throw fail('the header does not begin with {');
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(header);
    json = JSON.parse(text);
  } catch (cause) {
    throw fail('the header is not JSON in UTF-8', cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) throw fail(`the header names ${JSON.stringify(twice)} twice`);
  return Object.entries(json as object).map(([name, value]) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw fail(`entry ${JSON.stringify(name)} is not an object`);
    return [name, value];
  });
}

function checkedEntry(name: string, entry: Record<string, unknown>, data: Uint8Array, fail: Fail) {
  const { dtype, shape, data_offsets: offsets } = entry;
  const what = `tensor ${JSON.stringify(name)}`;
  const elementBytes = typeof dtype === 'string' && Object.hasOwn(DTYPE_BYTES, dtype) ? DTYPE_BYTES[dtype] : undefined;
  if (typeof dtype !== 'string' || elementBytes === undefined)
    throw fail(`${what} has dtype ${JSON.stringify(dtype) ?? 'none'}`);
  if (!isCounts(shape)) throw fail(`${what} has shape ${JSON.stringify(shape) ?? 'none'}`);
  if (!isCounts(offsets) || offsets.length !== 2)
    throw fail(`${what} has data_offsets ${JSON.stringify(offsets) ?? 'none'}`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > data.length) throw fail(`${what} lies at ${begin} to ${end} of ${data.length} bytes`);
  const need = shape.reduce((product, n) => product * n, elementBytes);
  if (need !== end - begin)
    throw fail(`${what} (${dtype}, [${shape.join(', ')}]) needs ${need} bytes and has ${end - begin}`);
  return { name, dtype, shape, begin, end, bytes: data.subarray(begin, end) };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
