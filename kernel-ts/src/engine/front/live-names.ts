/**
 * The front's view of what exists at run time only. Globals are told by the child after each cell, so they are known while
 * it spins; members of a value are asked for, and a child that does not answer soon has none.
 */
import type { ToMain } from '../channel.js';
import type { LiveName } from '../types.js';
import { within } from './within.js';

/** A person waits for the list; a spinning child never answers. */
const ANSWER_WITHIN_MS = 100;

export class LiveNames {
  /** Globals that code has set. */
  globals: readonly LiveName[] = [];
  readonly #ask: (query: Extract<ToMain, { kind: 'members' }>) => void;
  readonly #open = new Map<number, (names: readonly LiveName[]) => void>();
  #queries = 0;

  constructor(ask: (query: Extract<ToMain, { kind: 'members' }>) => void) {
    this.#ask = ask;
  }

  /** Members of the value that the names lead to. */
  async members(path: readonly string[]): Promise<readonly LiveName[]> {
    this.#queries += 1;
    const queryId = this.#queries;
    const answer = new Promise<readonly LiveName[]>((resolve) => this.#open.set(queryId, resolve));
    this.#ask({ kind: 'members', queryId, path });
    const names = await within(ANSWER_WITHIN_MS, answer);
    this.#open.delete(queryId);
    return names ?? [];
  }

  /** The child's answer to a query; one that comes too late is dropped. */
  answer(queryId: number, names: readonly LiveName[]): void {
    this.#open.get(queryId)?.(names);
  }
}
