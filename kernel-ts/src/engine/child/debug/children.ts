/**
 * What a value holds: elements by number, properties by name, accessors unread. Knows the shapes of JavaScript's own
 * collections; refuses to run the user's getters, which wait until somebody opens them.
 */
import { types } from 'node:util';

/** Something that a value holds. */
export interface Child {
  readonly name: string;
  /** Source text behind the parent's expression, where there is one: `.a`, `[0]`. */
  readonly path?: string;
  /** The value itself, or how to get it. */
  readonly content:
    | { readonly value: unknown }
    | { readonly getter: () => unknown }
    | { readonly entry: readonly [unknown, unknown] };
  readonly readOnly?: true;
}

/** A value's elements by number. */
export interface Elements {
  readonly count: number;
  slice(start: number, count: number): Child[];
}

/** Keys of a larger array are not read for names: a million of them are its numbers. */
const MAX_NAMED_LENGTH = 10_000;

/** The elements of arrays, typed arrays, maps and sets; undefined for what has none. */
export function elementsOf(value: unknown): Elements | undefined {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return undefined;
  if (Array.isArray(value)) return byNumber(value);
  if (types.isTypedArray(value)) return byNumber(value as unknown as ArrayLike<unknown>);
  if (types.isMap(value)) {
    return {
      count: value.size,
      slice: (start, count) =>
        take(Map.prototype.entries.call(value), start, count).map((entry, at) => ({
          name: String(start + at),
          content: { entry: entry as [unknown, unknown] },
        })),
    };
  }
  if (types.isSet(value)) {
    return {
      count: value.size,
      slice: (start, count) =>
        take(Set.prototype.values.call(value), start, count).map((one, at) => ({
          name: String(start + at),
          content: { value: one },
        })),
    };
  }
  return undefined;
}

function byNumber(list: ArrayLike<unknown>): Elements {
  return {
    count: list.length,
    slice: (start, count) => {
      const children: Child[] = [];
      for (let at = start; at < Math.min(start + count, list.length); at += 1) {
        const property = Object.getOwnPropertyDescriptor(list, at);
        if (property !== undefined) children.push(ofProperty(String(at), `[${at}]`, property, list));
      }
      return children;
    },
  };
}

function take(iterator: IterableIterator<unknown>, start: number, count: number): unknown[] {
  const taken: unknown[] = [];
  for (let at = 0; at < start + count; at += 1) {
    const { done, value } = iterator.next();
    if (done === true) break;
    if (at >= start) taken.push(value);
  }
  return taken;
}

/** The properties by name: own ones, then accessors that classes of the user define. */
export function namedOf(value: unknown): Child[] {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || types.isProxy(value)) return [];
  const children: Child[] = [];
  const elements = elementsOf(value);
  if (elements !== undefined) {
    const size = types.isMap(value) || types.isSet(value) ? 'size' : 'length';
    children.push({ name: size, path: `.${size}`, content: { value: elements.count }, readOnly: true });
  }
  if (elements === undefined || elements.count <= MAX_NAMED_LENGTH) {
    const hidden = typeof value === 'function' ? ['length', 'name', 'arguments', 'caller'] : ['length'];
    for (const key of Reflect.ownKeys(value)) {
      if (elements !== undefined && typeof key === 'string' && /^\d+$/.test(key)) continue;
      if (typeof key === 'string' && hidden.includes(key) && (elements !== undefined || typeof value === 'function')) {
        continue;
      }
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (property !== undefined) children.push(ofProperty(keyName(key), keyPath(key), property, value));
    }
  }
  const known = new Set(children.map(({ name }) => name));
  for (let one = Object.getPrototypeOf(value); one !== null; one = Object.getPrototypeOf(one)) {
    if (types.isProxy(one) || isBuiltIn(one)) break;
    for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(one))) {
      if (property.get === undefined || known.has(key)) continue;
      known.add(key);
      children.push(ofProperty(key, keyPath(key), property, value));
    }
  }
  return children;
}

/** Whether an object is of no class of the user's: it has no private fields. */
export function isPlain(value: object): boolean {
  if (types.isProxy(value)) return true;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || types.isProxy(prototype) || isBuiltIn(prototype);
}

/** Prototypes whose accessors tell nothing about a user's object. */
function isBuiltIn(prototype: object): boolean {
  const made = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value as unknown;
  return typeof made === 'function' && /\{\s*\[native code\]\s*\}\s*$/.test(Function.prototype.toString.call(made));
}

function ofProperty(name: string, path: string | undefined, property: PropertyDescriptor, owner: unknown): Child {
  const more = path === undefined ? {} : { path };
  if ('value' in property) {
    const fixed = property.writable === false ? ({ readOnly: true } as const) : {};
    return { name, ...more, content: { value: property.value }, ...fixed };
  }
  const { get } = property;
  return { name, ...more, content: get === undefined ? { value: undefined } : { getter: () => get.call(owner) } };
}

function keyName(key: string | symbol): string {
  return typeof key === 'string' ? key : `[${String(key)}]`;
}

/** How source text reaches the property. */
export function keyPath(key: string | symbol): string | undefined {
  if (typeof key === 'symbol') return undefined;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
