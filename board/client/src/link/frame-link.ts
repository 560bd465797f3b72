/** What a session needs of a link, whatever wire is below: frames out, frames in, an end. Knows no wire. */
import type { Frame } from '../frame/frame.js';

/** What a link tells its user. */
export interface LinkEvents {
  onFrame(frame: Frame): void;
  /** The transport ended or the peer's bytes are no frames; the link is over. */
  onDown(reason: string): void;
  /** Text that something else wrote on a serial line. */
  onConsole?(text: string): void;
}

/** An open link. */
export interface FrameLink {
  /** Queues a frame. Bulk frames (absent: those with a body) let all others go first; else frames keep their order. */
  send(frame: Frame, bulk?: boolean): void;
  /** Writes what is queued, back-pressure or not, then ends. */
  end(): void;
  /** Ends at once. */
  destroy(): void;
}

/** Opens a link, and hands it over to who listens. Rejects with a BoardError (`board.connect-…`), or the signal's reason. */
export type DialLink = (signal: AbortSignal) => Promise<(events: LinkEvents) => FrameLink>;
