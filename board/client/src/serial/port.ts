/** An open serial port as a transport. Knows `serialport`; refuses to know PDUs. A pseudo-terminal is a port like any other. */
import type { SerialPort } from 'serialport';
import type { Transport } from '../transport/transport.js';

/** A transport over an open port. */
export function portTransport(port: SerialPort): Transport {
  return {
    start(events) {
      let over = false;
      const close = () => {
        if (over) return;
        over = true;
        events.onClose('the serial port is gone');
      };
      port.on('data', (chunk: Uint8Array) => events.onData(chunk));
      port.on('drain', () => events.onDrain());
      port.on('error', close).on('close', close);
    },
    write(pieces) {
      let free = true;
      for (const piece of pieces) free = port.write(piece);
      return free;
    },
    end: () => port.close(),
    destroy: () => port.close(),
  };
}
