/** Many requests, one signal: a single listener per signal, since Node warns of a leak at the eleventh. Knows signals only. */

const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls back when the signal aborts, once; returns what takes it back. */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  if (!signal) return () => undefined;
  let callbacks = waiting.get(signal);
  if (!callbacks) {
    const fresh = new Set<() => void>();
    waiting.set(signal, fresh);
    signal.addEventListener('abort', () => fire(signal), { once: true });
    callbacks = fresh;
  }
  callbacks.add(run);
  return () => callbacks.delete(run);
}

function fire(signal: AbortSignal): void {
  const callbacks = waiting.get(signal) ?? [];
  waiting.delete(signal);
  for (const run of callbacks) run();
}
