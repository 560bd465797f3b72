/** What carries whole frames as bytes on two channels: a line of our own, or a place on one that others share. Knows no frame's content. */

/** What a line tells. */
export interface LineEvents {
  onFrame(channel: 0 | 1, bytes: Uint8Array): void;
  onConsole(text: string): void;
  /** The wire ended, the peer began anew or broke the rules. */
  onDown(reason: string): void;
}

/** One end of it. */
export interface FrameLine {
  /** Queues a frame; its pieces are read until they have gone out. Channel 0 goes before channel 1. */
  send(channel: 0 | 1, pieces: readonly Uint8Array[]): void;
  /** Begins delivery; what came before is told first. */
  listen(events: LineEvents): void;
  /** The next frame, before delivery has begun. Rejects where the line ends first, or with the signal's reason. */
  nextFrame(signal: AbortSignal): Promise<Uint8Array>;
  /** Ends once what is queued has gone. `onDown` is not called for it. */
  end(): void;
  /** Ends at once. `onDown` is not called for it. */
  destroy(): void;
}
