/**
 * The Debug Adapter Protocol as far as we speak it: the shapes of its messages, and arguments read so that a wrong one is
 * said and never guessed. Knows no debugger.
 */
import { EngineError } from '../errors.js';
import type { DapEvent, DapResponse } from '../types.js';

export type { DapEvent, DapResponse };

/** Where a text comes from; `path` names cells and files alike. */
export interface DapSource {
  readonly name: string;
  readonly path: string;
  readonly sourceReference: 0;
}

/** The arguments of one request. Every reader throws `debug.bad-request` for a value of another type. */
export class Arguments {
  readonly #values: Record<string, unknown>;
  readonly #where: string;

  constructor(values: unknown, where: string) {
    this.#where = where;
    if (values !== undefined && values !== null && !isObject(values)) throw bad(`${where} must be an object`);
    this.#values = values ?? {};
  }

  string(name: string): string {
    return this.#of(name, 'a text', isString) as string;
  }

  optionalString(name: string): string | undefined {
    return this.#optional(name, 'a text', isString) as string | undefined;
  }

  integer(name: string): number {
    return this.#of(name, 'a whole number', Number.isSafeInteger) as number;
  }

  optionalInteger(name: string): number | undefined {
    return this.#optional(name, 'a whole number', Number.isSafeInteger) as number | undefined;
  }

  flag(name: string): boolean {
    return this.optionalFlag(name) === true;
  }

  optionalFlag(name: string): boolean | undefined {
    return this.#optional(name, 'true or false', (value) => typeof value === 'boolean') as boolean | undefined;
  }

  object(name: string): Arguments {
    return new Arguments(this.#of(name, 'an object', isObject), `${this.#where}.${name}`);
  }

  /** A list of objects; empty where it is left out. */
  list(name: string): Arguments[] {
    const values = (this.#optional(name, 'a list', Array.isArray) ?? []) as unknown[];
    return values.map((value, at) => {
      if (!isObject(value)) throw bad(`${this.#where}.${name}[${at}] must be an object`);
      return new Arguments(value, `${this.#where}.${name}[${at}]`);
    });
  }

  /** A list of texts. */
  strings(name: string): string[] {
    const values = this.#of(name, 'a list of texts', Array.isArray) as unknown[];
    if (!values.every(isString)) throw bad(`${this.#where}.${name} must be a list of texts`);
    return values as string[];
  }

  #of(name: string, kind: string, test: (value: unknown) => boolean): unknown {
    const value = this.#optional(name, kind, test);
    if (value === undefined) throw bad(`${this.#where}.${name} is missing; it must be ${kind}`);
    return value;
  }

  #optional(name: string, kind: string, test: (value: unknown) => boolean): unknown {
    const value = this.#values[name];
    if (value === undefined || value === null) return undefined;
    if (!test(value)) throw bad(`${this.#where}.${name} must be ${kind}, not ${JSON.stringify(value)?.slice(0, 60)}`);
    return value;
  }
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(what: string): EngineError {
  return new EngineError('debug.bad-request', what);
}
