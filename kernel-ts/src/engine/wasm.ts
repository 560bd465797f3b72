/**
 * What a WebAssembly file says of itself: the modules it imports, and its exports with the types of their parameters. Reads
 * the sections that hold them and compiles nothing. Surprise: proposals newer than Node's V8 have type forms that are not
 * read here; a function of such a type has none.
 */

/** A value type, by the byte that stands for it. */
const VALUE_TYPES: Readonly<Record<number, WasmValueType>> = {
  ...{ 127: 'i32', 126: 'i64', 125: 'f32', 124: 'f64', 123: 'v128', 112: 'funcref', 111: 'externref' },
};
const SECTION = { types: 1, imports: 2, functions: 3, exports: 7 } as const;
const KINDS = ['function', 'table', 'memory', 'global', 'tag'] as const;
const FUNCTION_FORM = 0x60;

export type WasmValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref';

export interface WasmFunctionType {
  readonly parameters: readonly WasmValueType[];
  readonly results: readonly WasmValueType[];
}

/** One export; `type` only where it is a function of a type that is known. */
export interface WasmExport {
  readonly name: string;
  readonly kind: (typeof KINDS)[number];
  readonly type: WasmFunctionType | undefined;
}

/** A module's outside. */
export interface WasmOutline {
  /** Names of the modules it imports from, each once. */
  readonly imports: readonly string[];
  readonly exports: readonly WasmExport[];
}

/** Reads a module's outside. Throws a RangeError or TypeError that says why when the bytes are none. */
export function readWasm(bytes: Uint8Array): WasmOutline {
  const reader = new Reader(bytes);
  if (reader.u32() !== 0x6d736100) throw new TypeError('it does not begin with the four bytes 00 61 73 6d');
  if (reader.u32() !== 1) throw new TypeError('its version is not 1');
  let types: (WasmFunctionType | undefined)[] = [];
  const functions: number[] = [];
  const imports = new Set<string>();
  let exports: WasmExport[] = [];
  while (!reader.atEnd) {
    const section = reader.byte();
    const body = reader.part(reader.varint());
    if (section === SECTION.types) types = functionTypes(body);
    else if (section === SECTION.imports) {
      for (let count = body.varint(); count > 0; count--) {
        imports.add(body.name());
        body.name();
        const type = importedType(body);
        if (type !== undefined) functions.push(type);
      }
    } else if (section === SECTION.functions) {
      for (let count = body.varint(); count > 0; count--) functions.push(body.varint());
    } else if (section === SECTION.exports) {
      exports = body.list(() => {
        const [name, kind, index] = [body.name(), KINDS[body.byte()], body.varint()];
        if (kind === undefined) throw new TypeError(`its export ${JSON.stringify(name)} is of no known kind`);
        return { name, kind, type: kind === 'function' ? types[functions[index] ?? -1] : undefined };
      });
    }
  }
  return { imports: [...imports], exports };
}

/** The type section, up to the first form that is unknown here. */
function functionTypes(body: Reader): (WasmFunctionType | undefined)[] {
  const types: (WasmFunctionType | undefined)[] = [];
  for (let count = body.varint(); count > 0; count--) {
    if (body.byte() !== FUNCTION_FORM) break;
    const valueTypes = (): (WasmValueType | undefined)[] => body.list(() => VALUE_TYPES[body.byte()]);
    const [parameters, results] = [valueTypes(), valueTypes()];
    if ([...parameters, ...results].includes(undefined)) break;
    types.push({ parameters: parameters as WasmValueType[], results: results as WasmValueType[] });
  }
  return types;
}

/** Reads past one import's description; gives the number of its type where it is a function. */
function importedType(body: Reader): number | undefined {
  const kind = KINDS[body.byte()];
  if (kind === 'function') return body.varint();
  if (kind === 'tag' || kind === 'table') body.byte(); // attribute, element type
  if (kind === 'tag') body.varint();
  else if (kind === 'global') body.part(2);
  else if (kind === 'table' || kind === 'memory') {
    const hasMaximum = (body.byte() & 1) === 1;
    body.varint();
    if (hasMaximum) body.varint();
  } else throw new TypeError('one of its imports is of no known kind');
  return undefined;
}

/** Bytes with a position; every read behind their end throws. */
class Reader {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get atEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.#at++];
    if (byte === undefined) throw new RangeError('it ends too early');
    return byte;
  }

  u32(): number {
    return (this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)) >>> 0;
  }

  /** An unsigned LEB128 number of at most 32 bits. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('one of its numbers is too long');
  }

  part(length: number): Reader {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.bytes.length) throw new RangeError('it ends too early');
    return new Reader(this.bytes.subarray(start, this.#at));
  }

  name(): string {
    return Buffer.from(this.part(this.varint()).bytes).toString('utf8');
  }

  list<T>(item: () => T): T[] {
    const items: T[] = [];
    for (let count = this.varint(); count > 0; count--) items.push(item());
    return items;
  }
}
