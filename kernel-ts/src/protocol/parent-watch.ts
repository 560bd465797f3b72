/**
 * Ends the kernel when the process that started it is gone: the parent's id changes when the kernel is adopted.
 * Knows process ids, refuses to know what ends. A kernel that was started by init (id 1) has no parent to watch.
 */

/** The world as the watch sees it; injected by tests. */
export interface ParentWatchHost {
  /** Id of the present parent. */
  parentId(): number;
  /** Calls `tick` regularly until the returned function is called. */
  every(intervalMs: number, tick: () => void): () => void;
}

const realHost: ParentWatchHost = {
  parentId: () => process.ppid,
  every(intervalMs, tick) {
    const timer = setInterval(tick, intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/** Calls `onGone` once when the parent has died; at most a second later. Returns a function that ends the watch. */
export function watchParent(onGone: () => void, host: ParentWatchHost = realHost): () => void {
  const parent = host.parentId();
  if (parent <= 1) return () => {};
  const stop = host.every(1000, () => {
    if (host.parentId() === parent) return;
    stop();
    onGone();
  });
  return stop;
}
