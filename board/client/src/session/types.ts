/** What goes into the session's state machine and what comes out. Knows no clock, socket or thread. */
import type { BoardError } from '../errors.js';
import type { Wire } from '../frame/cbor.js';
import type { Frame } from '../frame/frame.js';
import type { Hello } from '../messages/session.js';

/** Times of the session, ms; sizes in bytes. */
export const timing = {
  /** Between two PINGs. */
  pingMs: 2_000,
  /** The same on a serial line, whose silence says less. */
  serialPingMs: 1_000,
  /** Silence after which the link is suspect: two pings missed. */
  suspectMs: 4_000,
  /** Silence after which it is down and dialled again: three pings missed. The board counts alike. */
  downMs: 6_000,
  /** How long the peer may take to answer HELLO. */
  helloMs: 5_000,
  /** How long one dial may take while reconnecting. */
  dialMs: 5_000,
  /** First pause between two dials while reconnecting; doubles each time. */
  retryMs: 100,
  retryMaxMs: 2_000,
  /** After a cancel the caller gets the board's answer if it comes this fast, else a plain `cancelled`. */
  cancelMs: 150,
  /** The board keeps a call's deadline; this much later the host stops believing in it. */
  deadlineSlackMs: 2_000,
  /** Calls on the board at once; the board may ask for fewer. */
  maxInflight: 16,
  /** Bytes of stream items under way to a reader: what the board may send before the first CREDIT. */
  streamWindowBytes: 256 * 1024,
} as const;

/** A call, as its caller describes it. */
export interface CallSpec {
  /** Number of the method. */
  method: number;
  /** Arguments, encoded. */
  args: Uint8Array;
  body: Uint8Array<ArrayBuffer> | null;
  /** Null: no deadline. */
  timeoutMs: number | null;
  /** The session (counted from 1) whose handles the arguments name; null where they name none. */
  epoch: number | null;
}

/** What happens to a session. `key`: the caller's name for a call. */
export type SessionEvent =
  /** Begin: dial, and be connected within `timeoutMs`. */
  | { type: 'start'; timeoutMs: number }
  /** The dial succeeded; wall clock in µs since 1970 for HELLO. */
  | { type: 'opened'; wallMicros: number }
  | { type: 'dialFailed'; error: BoardError }
  | { type: 'frame'; frame: Frame }
  /** The link ended by itself. */
  | { type: 'down'; reason: string }
  | { type: 'call'; key: number; spec: CallSpec }
  | { type: 'ping'; key: number; timeoutMs: number }
  | { type: 'cancel'; key: number }
  /** The reader of a stream has taken this many bytes. */
  | { type: 'consumed'; key: number; sizeBytes: number }
  /** A clean end by the user (`error` null), or an end that no reconnect can mend. */
  | { type: 'close'; reason: string; error: BoardError | null }
  | { type: 'tick' };

/** What the machine wants done. */
export type SessionAction =
  /** Open a connection, give up after `timeoutMs`. */
  | { type: 'dial'; timeoutMs: number }
  /** End the connection; `clean`: send what is queued first. */
  | { type: 'hangUp'; clean: boolean }
  | { type: 'send'; frame: Frame }
  | { type: 'reply'; key: number; result: Wire; body: Uint8Array<ArrayBuffer> | null }
  | { type: 'fail'; key: number; error: BoardError }
  | { type: 'item'; key: number; payload: Wire; body: Uint8Array<ArrayBuffer> | null; sizeBytes: number }
  | { type: 'pong'; key: number; roundTripMs: number; boardTicks: number }
  /** Another sample of the board's clock is there. */
  | { type: 'clock' }
  /** Connected for the first time. */
  | { type: 'ready'; hello: Hello; epoch: number }
  /** Connected again, but to a new session: every handle of before is stale. */
  | { type: 'reset'; hello: Hello; epoch: number; reason: string }
  | { type: 'state'; state: 'connected' | 'suspended'; reason: string }
  | { type: 'suspect'; suspect: boolean }
  | { type: 'event'; topic: number; payload: Wire; lost: number }
  /** The session is over; nothing comes after this. `error` is what later calls fail with. */
  | { type: 'ended'; error: BoardError };
