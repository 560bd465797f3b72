/**
 * The values that a debugger holds, by number, on the thread that owns them. Compiled conditions and the front's debugger
 * call it as `__npulab.debug`. Surprise: it runs while the thread is stopped, so nothing in it may wait.
 */
import type { Bundle } from '../../cell-host.js';
import type { ChildrenAsked, ShownVariable } from '../../shown-variable.js';
import { declared, valueInCells } from '../cell-names.js';
import { hiddenFolders } from '../frames.js';
import type { SignalGate } from '../signal-gate.js';
import { type Child, type Elements, elementsOf, isPlain, keyPath, namedOf } from './children.js';
import { describe, typeName } from './describe.js';
import { Stoppable } from './stoppable.js';

/** Elements that are shown at once; more are put into ranges of this many. */
const RANGE = 100;

type Held =
  | { readonly kind: 'list'; readonly children: readonly Child[] }
  | { readonly kind: 'object'; readonly value: unknown; readonly path: string | undefined }
  | {
      readonly kind: 'range';
      readonly elements: Elements;
      readonly start: number;
      readonly count: number;
      readonly path: string | undefined;
    };

/** What the debugger needs of the child. */
export interface DebugValuesHost {
  present(value: unknown): Promise<Bundle | undefined>;
  plainText(value: unknown): string;
  readonly gate: SignalGate;
  /** A line for the debugger's console. */
  log(text: string): void;
}

/** Holds values; see the module. */
export class DebugValues {
  /** Runs an expression of the user's so that an interrupt ends it. */
  readonly stoppable: Stoppable;
  readonly #host: DebugValuesHost;
  readonly #held = new Map<number, Held>();
  #next = 1;
  readonly #hits = new Map<number, number>();
  #taken: unknown;

  constructor(host: DebugValuesHost) {
    this.#host = host;
    this.stoppable = new Stoppable(host.gate);
  }

  /** Lets go of every value: the code runs on. */
  clear(): void {
    this.#held.clear();
  }

  /** Folders whose code is not the user's. */
  hidden(): readonly string[] {
    return hiddenFolders();
  }

  /** The names that cells have declared, or those of them that are asked for. */
  names(wanted?: readonly string[]): number {
    return this.#hold({ kind: 'list', children: this.#named(wanted ?? [...declared].sort()) });
  }

  /** One scope out of V8's scope objects, inner ones last; `words` are the names the user's text has. */
  scope(words: readonly string[] | null, cellNames: readonly string[], self: unknown, ...objects: object[]): number {
    const known = words === null ? undefined : new Set(words);
    const children = new Map<string, Child>();
    for (const child of this.#named(cellNames)) children.set(child.name, child);
    if (self !== undefined && self !== globalThis)
      children.set('this', { name: 'this', path: 'this', content: { value: self } });
    for (const object of objects) {
      for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(object))) {
        if (known?.has(name) === false) continue;
        children.set(name, { name, path: name, content: { value: property.value } });
      }
    }
    return this.#hold({ kind: 'list', children: [...children.values()] });
  }

  /** What a held value holds; undefined for a number that is not, or no longer, known. */
  children(reference: number, { filter, start, count }: ChildrenAsked): ShownVariable[] | undefined {
    const held = this.#held.get(reference);
    if (held === undefined) return undefined;
    const path = held.kind === 'list' ? '' : held.path;
    if (held.kind === 'list') return this.#page(held.children, start, count).map((child) => this.#show(child, path));
    const from = held.kind === 'range' ? held.start : 0;
    const elements = held.kind === 'range' ? held.elements : elementsOf(held.value);
    const total = held.kind === 'range' ? held.count : (elements?.count ?? 0);
    const shown: ShownVariable[] = [];
    if (elements !== undefined && filter !== 'named') {
      const paged = filter === 'indexed' || count !== undefined || start !== undefined;
      if (paged) {
        const first = Math.min(start ?? 0, total);
        const most = count === undefined || count === 0 ? total - first : Math.min(count, total - first);
        for (const child of elements.slice(from + first, most)) shown.push(this.#show(child, path));
      } else if (total <= RANGE) for (const child of elements.slice(from, total)) shown.push(this.#show(child, path));
      else shown.push(...this.#ranges(elements, from, total, path));
    }
    if (held.kind === 'object' && filter !== 'indexed') {
      for (const child of namedOf(held.value)) shown.push(this.#show(child, path));
    }
    return shown;
  }

  /** The held value, where it is made by a class: it may have private fields. */
  ofClass(reference: number): object | undefined {
    const held = this.#held.get(reference);
    if (held?.kind !== 'object' || typeof held.value !== 'object' || held.value === null) return undefined;
    return isPlain(held.value) ? undefined : held.value;
  }

  /** A private field of a held value. */
  privateField(reference: number, name: string, value: unknown): ShownVariable {
    const held = this.#held.get(reference);
    const path = held?.kind === 'object' && held.path !== undefined ? `${held.path}.${name}` : undefined;
    return { ...this.#shown(name, value, path), presentationHint: { attributes: [], visibility: 'private' } };
  }

  /** A value by name, for example the result of an expression. */
  show(name: string, value: unknown, path?: string): ShownVariable {
    return this.#shown(name, value, path);
  }

  /** Sets a property of a held value. Throws what the assignment throws, or where there is nothing to set. */
  set(reference: number, name: string, value: unknown): ShownVariable {
    const held = this.#held.get(reference);
    if (held?.kind === 'range') {
      throw new TypeError('elements of a range are set by an expression');
    }
    if (held?.kind !== 'object' || typeof held.value !== 'object' || held.value === null) {
      throw new TypeError(`there is no variable ${name} to set`);
    }
    if (held.value instanceof Map || held.value instanceof Set) throw new TypeError('entries are set by an expression');
    if (!(name in held.value)) throw new TypeError(`there is no variable ${name} to set`);
    // `Reflect.set` says false where a module of strict code would throw.
    if (!Reflect.set(held.value, name, value)) throw new TypeError(`${name} is read-only`);
    const place = keyPath(name);
    return this.#shown(name, value, held.path === undefined || place === undefined ? undefined : held.path + place);
  }

  /** Whether the number stands for a list of names and not for one value. */
  isScope(reference: number): boolean {
    return this.#held.get(reference)?.kind === 'list';
  }

  /** MIME bundle of a value, as the cell that ends with it would show it. */
  async bundle(value: unknown): Promise<Bundle> {
    const rich = await this.#host.present(value);
    return { 'text/plain': this.#host.plainText(value), ...rich };
  }

  /** The same where nothing may wait: text, and the value's own display where it needs no waiting. */
  bundleNow(value: unknown): Bundle {
    const plain = { 'text/plain': this.#host.plainText(value) };
    if (typeof value !== 'object' || value === null) return plain;
    const own: unknown = Reflect.get(value, Symbol.for('Jupyter.display'));
    if (typeof own !== 'function') return plain;
    try {
      const bundle: unknown = own.call(value);
      const isBundle =
        typeof bundle === 'object' && bundle !== null && Object.keys(bundle).every((key) => key.includes('/'));
      return isBundle ? { ...plain, ...bundle } : plain;
    } catch {
      return plain;
    }
  }

  /** Keeps a value for the script that declares a name for it. */
  keep(value: unknown): void {
    this.#taken = value;
  }

  /** The kept value, once; `name` is known to `%who` and the debugger from now on. */
  take(name: string): unknown {
    const value = this.#taken;
    this.#taken = undefined;
    declared.add(name);
    return value;
  }

  /** Counts a breakpoint's hits, from 1. */
  hit(breakpoint: number): number {
    const hits = (this.#hits.get(breakpoint) ?? 0) + 1;
    this.#hits.set(breakpoint, hits);
    return hits;
  }

  /** Forgets hits: the breakpoints have been set anew. */
  forgetHits(breakpoints: readonly number[]): void {
    for (const one of breakpoints) this.#hits.delete(one);
  }

  /** Whether a breakpoint's condition holds; one that throws does not, and the console says so. */
  when(line: number, condition: () => unknown): boolean {
    try {
      return Boolean(condition());
    } catch (error) {
      this.#host.log(`the condition of the breakpoint at line ${line} failed: ${describe(error)}\n`);
      return false;
    }
  }

  /** Writes a log point's line: texts and values in turn. Never stops. */
  log(...parts: unknown[]): false {
    this.#host.log(`${parts.map((part) => (typeof part === 'string' ? part : describe(part))).join('')}\n`);
    return false;
  }

  #named(names: readonly string[]): Child[] {
    return names.flatMap((name) => {
      try {
        return [{ name, path: name, content: { value: valueInCells(name) } }];
      } catch {
        return []; // declared by a cell that has not got there
      }
    });
  }

  #page(children: readonly Child[], start = 0, count = 0): readonly Child[] {
    return children.slice(start, count === 0 ? undefined : start + count);
  }

  #show(child: Child, parent: string | undefined): ShownVariable {
    const path = child.path === undefined || parent === undefined ? undefined : parent + child.path;
    const { content } = child;
    const attributes = child.readOnly === true ? { presentationHint: { attributes: ['readOnly'] } } : {};
    if ('value' in content) return { ...this.#shown(child.name, content.value, path), ...attributes };
    if ('entry' in content) {
      const [key, value] = content.entry;
      const children = [
        { name: 'key', content: { value: key } },
        { name: 'value', content: { value } },
      ];
      const text = `${describe(key)} => ${describe(value)}`;
      return { name: child.name, value: text, type: '', variablesReference: this.#hold({ kind: 'list', children }) };
    }
    const { getter } = content;
    const opened: Child = {
      name: child.name,
      get content() {
        return { value: called(getter) };
      },
    };
    return {
      name: child.name,
      value: '(…)',
      type: 'accessor',
      ...(path === undefined ? {} : { evaluateName: path }),
      variablesReference: this.#hold({ kind: 'list', children: [opened] }),
      presentationHint: { kind: 'property', attributes: ['hasSideEffects'], lazy: true },
    };
  }

  #shown(name: string, value: unknown, path: string | undefined): ShownVariable {
    const elements = elementsOf(value);
    const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
    const holds = elements !== undefined || (isObject && namedOf(value).length > 0);
    return {
      name,
      value: describe(value),
      type: typeName(value),
      ...(path === undefined ? {} : { evaluateName: path }),
      variablesReference: holds ? this.#hold({ kind: 'object', value, path }) : 0,
      ...(elements === undefined ? {} : { indexedVariables: elements.count }),
    };
  }

  #ranges(elements: Elements, from: number, total: number, path: string | undefined): ShownVariable[] {
    let size = RANGE;
    while (total / size > RANGE) size *= RANGE;
    const ranges: ShownVariable[] = [];
    for (let start = from; start < from + total; start += size) {
      const count = Math.min(size, from + total - start);
      ranges.push({
        name: `[${start} … ${start + count - 1}]`,
        value: '',
        type: '',
        variablesReference: this.#hold({ kind: 'range', elements, start, count, path }),
        indexedVariables: count,
      });
    }
    return ranges;
  }

  #hold(held: Held): number {
    const reference = this.#next;
    this.#next += 1;
    this.#held.set(reference, held);
    return reference;
  }
}

/** An accessor's value, or what it threw. */
function called(getter: () => unknown): unknown {
  try {
    return getter();
  } catch (error) {
    return error;
  }
}
