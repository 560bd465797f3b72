/** What a test of the link found. Knows the public shapes only. */

/** The connection as the board sees it; the numbers of PDUs are 0 on TCP. */
export interface LinkCounts {
  transport: 'tcp' | 'serial';
  /** Noise is in use. */
  secured: boolean;
  sentPdus: number;
  repeatedPdus: number;
  receivedPdus: number;
  /** Pieces that came and were neither a PDU nor text. */
  damagedSegments: number;
  /** Payload of the board's next PDU, and what it may have in flight. */
  payloadBytes: number;
  windowBytes: number;
  roundTripMs: number | null;
}

/** Answer to `board.testLink`. */
export interface LinkTest {
  toBoardBytesPerSecond: number;
  fromBoardBytesPerSecond: number;
  link: LinkCounts;
}
