/** One long transfer as several calls. Knows ranges, one deadline for all, and that a failure ends the others. */
import type { CallOptions } from '../options.js';

/** Pieces under way at once. */
const parallel = 6;

/** Runs `transfer(at, length, options)` for every piece of `totalBytes`; rejects with the first failure, when all have ended. */
export async function inPieces(
  totalBytes: number,
  pieceBytes: number,
  { signal, timeoutMs }: CallOptions,
  transfer: (at: number, length: number, options: CallOptions) => Promise<void>,
): Promise<void> {
  // One piece is one call: a small read needs no signal of its own, which costs more than the call does.
  if (totalBytes > 0 && totalBytes <= pieceBytes)
    return transfer(0, totalBytes, { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) });
  const startedAt = performance.now();
  const stop = new AbortController();
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  let next = 0;
  const lane = async () => {
    while (next < totalBytes && !stop.signal.aborted) {
      const at = next;
      next += pieceBytes;
      const left =
        timeoutMs === undefined ? {} : { timeoutMs: Math.max(1, timeoutMs - (performance.now() - startedAt)) };
      await transfer(at, Math.min(pieceBytes, totalBytes - at), { signal: both, ...left });
    }
  };
  const lanes = Array.from({ length: Math.max(1, Math.min(parallel, Math.ceil(totalBytes / pieceBytes))) }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(lanes);
    throw error;
  }
}
