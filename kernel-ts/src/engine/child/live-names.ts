/**
 * Names that exist at run time only: globals that code has set, and members of values whose type says nothing. Runs no code
 * of the user: accessors are not called, and a proxy has no names here.
 */
import { types } from 'node:util';
import type { LiveName } from '../types.js';

const MOST_NAMES = 1000;
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

/** Names of the global object that were not there when it was called first. */
export function newGlobals(): () => LiveName[] {
  const known = new Set(Object.getOwnPropertyNames(globalThis));
  return () =>
    Object.getOwnPropertyNames(globalThis)
      .filter((name) => !known.has(name) && !name.startsWith('__') && IDENTIFIER.test(name))
      .map((name) => ({ text: name, type: typeOf(globalThis, name) }));
}

/** Members of the value that `path` leads to, also those that are no names; `root` gives the value of its first name. */
export function membersAt(path: readonly string[], root: (name: string) => unknown): LiveName[] {
  let value = root(path[0] as string);
  for (const name of path.slice(1)) value = dataProperty(value, name);
  const found = new Map<string, LiveName>();
  for (const owner of chainOf(value)) {
    for (const name of namesOf(owner)) {
      if (found.size >= MOST_NAMES) return [...found.values()];
      if (!found.has(name) && name !== 'constructor') {
        found.set(name, { text: name, type: typeOf(owner, name) });
      }
    }
  }
  return [...found.values()];
}

/** The value and its prototypes, Object's own excluded. */
function* chainOf(value: unknown): Generator<object> {
  let owner: unknown = typeof value === 'object' || typeof value === 'function' ? value : Object(value ?? {});
  while (owner !== null && owner !== undefined && owner !== Object.prototype && owner !== Function.prototype) {
    if (types.isProxy(owner)) return;
    yield owner as object;
    owner = Object.getPrototypeOf(owner);
  }
}

/** Names of elements are not asked for: there may be millions. */
function namesOf(owner: object): string[] {
  const hasElements = (Array.isArray(owner) && owner !== Array.prototype) || ArrayBuffer.isView(owner);
  return hasElements ? [] : Object.getOwnPropertyNames(owner);
}

function dataProperty(value: unknown, name: string): unknown {
  for (const owner of chainOf(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name);
    if (descriptor !== undefined) return descriptor.value;
  }
  return undefined;
}

function typeOf(owner: object, name: string): string {
  const value: unknown = Object.getOwnPropertyDescriptor(owner, name)?.value;
  if (typeof value !== 'function') return owner === globalThis ? 'variable' : 'property';
  if (types.isProxy(value)) return 'function';
  return owner === globalThis ? (/^\p{Lu}/u.test(name) ? 'class' : 'function') : 'method';
}
