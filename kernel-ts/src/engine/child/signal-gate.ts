/**
 * When a SIGINT may reach this process. Cells' child processes are signalled as one group, and this process is in it: mostly it
 * ignores the signal, but `vm` can take it to end a script (see `debug/stoppable.ts`), and just before and after that script
 * Node has no handler, so the signal would end the process. Both threads keep the order in shared memory. Knows no interrupt.
 */

/** A signal is ignored. */
const FREE = 0;
/** A signal would end the process. */
const CLOSED = 1;
/** A signal ends the script that runs. */
const OPEN = 2;
/** It has been sent, and the script waits for it. */
const COMING = 3;
/** It is being sent, and will be ignored. */
const SENDING = 4;

export class SignalGate {
  readonly #state: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.#state = new Int32Array(memory);
  }

  /** For the other thread. */
  get memory(): SharedArrayBuffer {
    return this.#state.buffer as SharedArrayBuffer;
  }

  /** Main thread: Node is about to change its handler. */
  close(): void {
    for (;;) {
      const before = Atomics.load(this.#state, 0);
      if (before !== SENDING && this.#change(before, CLOSED)) return;
    }
  }

  /** Main thread, in the script: from here on a signal ends it. */
  open(): void {
    Atomics.store(this.#state, 0, OPEN);
  }

  /** Main thread, in the script: it has ended by itself. Does not return where a signal is on its way. */
  shut(): void {
    if (this.#change(OPEN, CLOSED)) return;
    for (;;);
  }

  /** Main thread: Node's handler is what it was. */
  free(): void {
    Atomics.store(this.#state, 0, FREE);
  }

  /** Worker: calls `send` where a signal does no harm; else it may be tried again later. */
  pass(send: () => void): void {
    if (this.#change(OPEN, COMING)) send();
    else if (this.#change(FREE, SENDING)) {
      send();
      Atomics.store(this.#state, 0, FREE);
    }
  }

  #change(from: number, to: number): boolean {
    return Atomics.compareExchange(this.#state, 0, from, to) === from;
  }
}
