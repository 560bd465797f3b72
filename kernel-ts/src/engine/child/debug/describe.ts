/**
 * One line and one type name for any value. Runs no getter and no trap of a proxy; an object's own `inspect` method is the
 * only code of the user's that it calls.
 */
import { inspect, types } from 'node:util';

const MAX_CHARACTERS = 1000;
/** Objects with more keys than this are counted, not listed: `inspect` has no limit for keys. */
const MAX_KEYS = 100;

/** The value on one line. */
export function describe(value: unknown): string {
  try {
    if (isLarge(value)) return `${typeName(value)} { ${Object.keys(value).length} keys }`;
    const text = inspect(value, {
      depth: 1,
      breakLength: Number.POSITIVE_INFINITY,
      compact: 3,
      maxArrayLength: 10,
      maxStringLength: MAX_CHARACTERS,
      showProxy: true,
      colors: false,
    });
    const line = value instanceof Error ? (text.split('\n')[0] as string) : text.replaceAll(/\s*\n\s*/g, ' ');
    return line.length <= MAX_CHARACTERS ? line : `${line.slice(0, MAX_CHARACTERS)}…`;
  } catch (error) {
    return `[${typeof value} that cannot be shown: ${error instanceof Error ? error.message : 'it threw'}]`;
  }
}

function isLarge(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return false;
  if (Array.isArray(value) || ArrayBuffer.isView(value) || types.isMap(value) || types.isSet(value)) return false;
  return Object.keys(value).length > MAX_KEYS;
}

/** `number`, `null`, the name of an object's class. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  if (types.isProxy(value)) return 'Proxy';
  for (let one = Object.getPrototypeOf(value); one !== null; one = Object.getPrototypeOf(one)) {
    if (types.isProxy(one)) break;
    const made: unknown = Object.getOwnPropertyDescriptor(one, 'constructor')?.value;
    if (typeof made !== 'function') continue;
    const name: unknown = Object.getOwnPropertyDescriptor(made, 'name')?.value;
    if (typeof name === 'string' && name !== '') return name;
  }
  return 'Object';
}
