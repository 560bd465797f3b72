/**
 * The front's share of comms: which handler has not answered yet, and which comms die with the child. Knows no target.
 */
import type { CommMessage } from '../types.js';

/** Comms between the child and whoever sits in front of the engine. */
export class FrontComms {
  readonly #waiting = new Map<string, (known: boolean) => void>();
  readonly #open = new Set<string>();

  /** The requests whose handlers have not ended. */
  get running(): string[] {
    return [...this.#waiting.keys()];
  }

  /** A message goes to the child: resolves when its handler has ended. */
  begin(requestId: string, { kind, commId }: CommMessage): Promise<boolean> {
    if (kind === 'open') this.#open.add(commId);
    else if (kind === 'close') this.#open.delete(commId);
    return new Promise((resolve) => this.#waiting.set(requestId, resolve));
  }

  /** The handler has ended. */
  end(requestId: string, known: boolean): void {
    this.#waiting.get(requestId)?.(known);
    this.#waiting.delete(requestId);
  }

  /** A message comes from the child. */
  note({ kind, commId }: CommMessage): void {
    if (kind === 'open') this.#open.add(commId);
    else if (kind === 'close') this.#open.delete(commId);
  }

  /** The child is gone: gives a `close` for every comm it had, and ends every wait. */
  lost(): CommMessage[] {
    for (const requestId of [...this.#waiting.keys()]) this.end(requestId, true);
    const closes = [...this.#open].map(
      (commId): CommMessage => ({ kind: 'close', commId, data: {}, metadata: {}, buffers: [] }),
    );
    this.#open.clear();
    return closes;
  }
}
