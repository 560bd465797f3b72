/** The right to change the board, as a cell sees it. Knows the public shapes only. */
import type { CallOptions } from './options.js';

/** Who holds the board. */
export interface LeaseState {
  /** This session does. */
  mine: boolean;
  /** Who does; null: nobody, and every session may do everything. */
  holder: string | null;
  /** What for. */
  why: string;
  /** For how long already, ms. */
  heldMs: number;
  /** When it expires unless its holder shows life, ms from the answer on. */
  expiresMs: number;
  /** Sessions that wait for it. */
  waiting: number;
  /** This session's place among them, from 1; null where it does not wait. */
  place: number | null;
}

/** Options of {@link Leases.acquire}. */
export interface LeaseOptions extends CallOptions {
  /** Time without a sign of life after which it expires, on the board's clock, ms: 1 000 … 86 400 000. Default 30 000. */
  ttlMs?: number;
  /** What for: others see it. */
  why?: string;
  /** Who, for people. Default: user@host. */
  who?: string;
}

/** A lease in hand; given back by {@link Lease.release} or the end of the session. */
export interface Lease {
  readonly who: string;
  readonly why: string;
  release(options?: CallOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The lease of a board. While one session holds it, others may only read. It survives a link that blinks, until its time is over. */
export interface Leases {
  /**
   * Gets it, after those who asked before. `waitMs`: how long to stand in the queue (default 0); `onWaiting` is told who holds it and this
   * session's place when that begins, and again whenever either changes. Fails with `leaseHeld` (fields: holder, why, heldMs, expiresMs, waiting).
   */
  acquire(options?: LeaseOptions & { waitMs?: number; onWaiting?: (state: LeaseState) => void }): Promise<Lease>;
  /** Takes it from whoever holds it; the loser is told, and its calls fail with `leaseLost`. */
  take(options?: LeaseOptions): Promise<Lease>;
  /** Who holds it. */
  state(options?: CallOptions): Promise<LeaseState>;
}
