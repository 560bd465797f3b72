/**
 * Two transports joined in memory, for tests and for boards in the same process. Knows no sockets. Surprising: delivery
 * is a microtask, so a test that awaits sees it without a clock; `cut` loses what is under way, as a pulled cable does.
 */
import type { Transport, TransportEvents } from './transport.js';

/** Both ends of a pipe and its knife. */
export interface Pipe {
  ends: readonly [Transport, Transport];
  /** Ends both sides at once. */
  cut(reason: string): void;
  /** While held, nothing arrives and `write` reports back-pressure. */
  hold(held: boolean): void;
}

/** Makes a pipe. */
export function memoryPipe(): Pipe {
  const queues: [Uint8Array[], Uint8Array[]] = [[], []];
  const events: [TransportEvents | null, TransportEvents | null] = [null, null];
  let open = true;
  let held = false;
  const flush = (side: 0 | 1) => {
    while (open && !held && events[side] && queues[side].length > 0) events[side].onData(queues[side].shift()!);
  };
  const cut = (reason: string, except?: 0 | 1) => {
    if (!open) return;
    open = false;
    for (const side of [0, 1] as const) if (side !== except) queueMicrotask(() => events[side]?.onClose(reason));
  };
  const end = (side: 0 | 1): Transport => {
    const other = (1 - side) as 0 | 1;
    return {
      start(listener) {
        events[side] = listener;
        queueMicrotask(() => flush(side));
      },
      write(pieces) {
        if (!open) return false;
        for (const piece of pieces) queues[other].push(piece.slice());
        queueMicrotask(() => flush(other));
        return !held;
      },
      end() {
        queueMicrotask(() => cut('the other side ended it', side));
      },
      destroy() {
        cut('the other side ended it', side);
      },
    };
  };
  return {
    ends: [end(0), end(1)],
    cut,
    hold(value) {
      held = value;
      if (held) return;
      for (const side of [0, 1] as const) {
        queueMicrotask(() => flush(side));
        queueMicrotask(() => open && events[side]?.onDrain());
      }
    },
  };
}
