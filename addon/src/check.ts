// Checks of arguments, with messages that name them. Refuses to know kernels.
import { AddonError } from './errors.js';

/** Largest dimension or product of dimensions accepted: every index stays exact in a double. */
const most = Number.MAX_SAFE_INTEGER;

/** Throws `addon.out-of-range` unless every named value is an integer of at least `least`. */
export function checkCounts(what: string, counts: Record<string, number>, least = 0): void {
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isSafeInteger(value) || value < least) {
      throw new AddonError(
        'addon.out-of-range',
        `${what}: ${name} is ${value}; it must be an integer of at least ${least}`,
      );
    }
  }
}

type ArrayType = { readonly name: string; new (length: number): { readonly length: number } };

/** Throws `addon.wrong-type` or `addon.wrong-size` unless `array` is a `type` of `shape`'s size. */
export function checkArray(
  what: string,
  name: string,
  array: { readonly length: number },
  type: ArrayType,
  shape: readonly number[],
): void {
  if (!(array instanceof type)) {
    throw new AddonError('addon.wrong-type', `${what}: ${name} must be a ${type.name}`);
  }
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (size > most || array.length !== size) {
    const text = `${what}: ${name} has ${array.length} elements; its shape [${shape.join(', ')}] needs ${size}`;
    throw new AddonError('addon.wrong-size', text);
  }
}

/** Throws `addon.out-of-range` unless `value` is a finite number for which `holds`. */
export function checkNumber(
  what: string,
  name: string,
  value: number,
  range: string,
  holds: (v: number) => boolean,
): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || !holds(value)) {
    throw new AddonError('addon.out-of-range', `${what}: ${name} is ${value}; it must be ${range}`);
  }
}
