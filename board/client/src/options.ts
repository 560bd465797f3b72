/** What every waiting call accepts. Knows nothing of boards or links. */

/** Options of every call that waits for the board. */
export interface CallOptions {
  /**
   * Ends the wait: the call is cancelled on the board and the promise rejects with a {@link BoardError} `cancelled`
   * within 200 ms. Work the NPU has begun runs on to its next task boundary.
   */
  signal?: AbortSignal;
  /** Deadline in ms, kept by the board and watched here; the promise rejects with `deadline`. Absent: the method's own. */
  timeoutMs?: number;
}

/** How far a long call has come. Delivered at most ten times a second, the last state always. */
export interface Progress {
  /** What is being done now. */
  stage: 'hashing' | 'uploading' | 'loading' | 'importing';
  /** Bytes finished in this stage, 0 … totalBytes. Chunks that were on the board already count as finished. */
  doneBytes: number;
  /** Bytes of this stage. */
  totalBytes: number;
}

/** A waiting call that can say how far it is. */
export interface ProgressOptions extends CallOptions {
  /** Called with the state of the work; what it throws is ignored. */
  onProgress?: (progress: Progress) => void;
}
