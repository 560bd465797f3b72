/** A port that outlives the lines on it: one line after the other gets it. Knows bytes; refuses to know PDUs. */
import type { Transport, TransportEvents } from '../transport/transport.js';

/** An open port. */
export class SharedPort {
  readonly #port: Transport;
  #line: TransportEvents | null = null;

  /** `onGone`: the port has ended by itself. */
  constructor(port: Transport, onGone: (reason: string) => void) {
    this.#port = port;
    port.start({
      onData: (chunk) => this.#line?.onData(chunk),
      onDrain: () => this.#line?.onDrain(),
      onClose: (reason) => {
        this.#line?.onClose(reason);
        onGone(reason);
      },
    });
  }

  /** The port for a line that begins now; the one before hears nothing more. */
  attach(): Transport {
    let events: TransportEvents | null = null;
    const detach = () => {
      if (this.#line === events) this.#line = null;
    };
    return {
      start: (listener) => {
        events = listener;
        this.#line = listener;
      },
      write: (pieces) => this.#line === events && this.#port.write(pieces),
      end: detach,
      destroy: detach,
    };
  }
}
