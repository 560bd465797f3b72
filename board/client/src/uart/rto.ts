/** How long to wait for an acknowledgement (RFC 6298 with this line's bounds). Knows round trips only. */

/** Bounds of the retransmission timeout, ms. */
export const rtoBounds = { initialMs: 250, minMs: 20, maxMs: 1000, spreadMs: 20 } as const;

/** Smoothed round trip, its spread, and the back-off of repeated timeouts. */
export class RetransmissionTimeout {
  #smoothedMs: number | null = null;
  #spreadMs = 0;
  #backoff = 1;

  /** srtt + 4·rttvar (at least what a timer of either side may be late), doubled by every timeout in a row. */
  get ms(): number {
    const spreadMs = Math.max(rtoBounds.spreadMs, 4 * this.#spreadMs);
    const plain = this.#smoothedMs === null ? rtoBounds.initialMs : this.#smoothedMs + spreadMs;
    return Math.min(rtoBounds.maxMs, Math.max(rtoBounds.minMs, plain) * this.#backoff);
  }

  /** Smoothed round trip; null before the first. */
  get roundTripMs(): number | null {
    return this.#smoothedMs;
  }

  /** A round trip of something that was sent once. */
  sample(ms: number): void {
    const round = Math.max(0, ms);
    if (this.#smoothedMs === null) {
      this.#smoothedMs = round;
      this.#spreadMs = round / 2;
    } else {
      this.#spreadMs += (Math.abs(this.#smoothedMs - round) - this.#spreadMs) / 4;
      this.#smoothedMs += (round - this.#smoothedMs) / 8;
    }
  }

  /** Nothing came in time. */
  timedOut(): void {
    this.#backoff = Math.min(64, this.#backoff * 2);
  }

  /** Something was acknowledged. */
  progressed(): void {
    this.#backoff = 1;
  }
}
