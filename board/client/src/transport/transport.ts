/** What a link needs of a wire: bytes in order, back-pressure, an end. Knows no frame. */

/** What a transport tells its user. Nothing is told before `start`, nothing after `onClose`. */
export interface TransportEvents {
  /** Bytes as they came, in order; valid only during the call. */
  onData(chunk: Uint8Array): void;
  /** The queue has emptied after a `write` that returned false. */
  onDrain(): void;
  /** The other side or the wire has ended it; `reason` completes "The link is down: …". */
  onClose(reason: string): void;
}

/** An open connection. */
export interface Transport {
  /** Begins delivery. Called once. */
  start(events: TransportEvents): void;
  /** Queues pieces, not copied: leave them alone. False: hold back until `onDrain`. */
  write(pieces: readonly Uint8Array[]): boolean;
  /** Sends what is queued, then ends. `onClose` is not called for it. */
  end(): void;
  /** Ends at once; what is queued may be lost. `onClose` is not called for it. */
  destroy(): void;
}

/** Opens a connection; rejects with a BoardError (`board.connect-…`), or the signal's reason. */
export type Dial = (signal: AbortSignal) => Promise<Transport>;
