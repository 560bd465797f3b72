/**
 * Serial ports. Knows `serialport` and what opening can fail with; refuses to know PDUs. The native part is loaded when the
 * first port is opened, so boards on TCP never need it. Surprising: the port is raw and exclusive as soon as it is open;
 * a pseudo-terminal is a port like any other.
 */
import type { SerialPort } from 'serialport';
import { BoardError } from '../errors.js';
import type { Dial, Transport } from './transport.js';

/** Ports that this process is closing, by path. */
const closing = new Map<string, Promise<void>>();

/** Opens `path` at `baud`, 8N1, raw, exclusive. Fails with `board.serial-…`. */
export function dialSerial(path: string, baud: number): Dial {
  return async (signal) => {
    signal.throwIfAborted();
    const Port = await loadPort();
    // A port that is being closed is still locked, and its descriptor still in use.
    await closing.get(path);
    const port = new Port({ path, baudRate: baud, autoOpen: false, lock: true, rtscts: false });
    await new Promise<void>((resolve, reject) => {
      port.open((cause) => (cause ? reject(openError(path, cause)) : resolve()));
    });
    if (signal.aborted) {
      closePort(port);
      throw signal.reason;
    }
    // FTDI-type adapters collect bytes for 16 ms unless told otherwise; ports that cannot are as good as they are.
    port.set({ lowLatency: true } as Parameters<SerialPort['set']>[0], () => undefined);
    return portTransport(port);
  };
}

async function loadPort(): Promise<typeof SerialPort> {
  try {
    return (await import('serialport')).SerialPort;
  } catch (cause) {
    throw new BoardError('board.serial-unavailable', `The serial port library does not load: ${cause}`, { cause });
  }
}

function portTransport(port: SerialPort): Transport {
  let over = false;
  port.on('error', () => undefined);
  return {
    start(events) {
      const close = (reason: string) => {
        if (over) return;
        over = true;
        events.onClose(reason);
      };
      port.on('data', (chunk: Uint8Array) => !over && events.onData(chunk));
      port.on('drain', () => !over && events.onDrain());
      port.on('error', (error) => close(`the serial port failed: ${error.message}`));
      port.on('close', () => close('the serial port is gone'));
    },
    write(pieces) {
      if (over) return false;
      let free = true;
      for (const piece of pieces) free = port.write(piece);
      return free;
    },
    end() {
      over = true;
      port.drain(() => closePort(port));
    },
    destroy() {
      over = true;
      closePort(port);
    },
  };
}

function closePort(port: SerialPort): void {
  if (!port.isOpen) return;
  const { path } = port;
  const closed = new Promise<void>((resolve) => port.close(() => resolve())).then(() => {
    if (closing.get(path) === closed) closing.delete(path);
  });
  closing.set(path, closed);
}

function openError(path: string, cause: Error): BoardError {
  const details = { cause, fields: { path } };
  const text = cause.message;
  if (/cannot lock|temporarily unavailable|busy/i.test(text))
    return new BoardError('board.serial-busy', `${path} is in use by another program`, details);
  if (/permission|denied|EACCES/i.test(text))
    return new BoardError('board.serial-denied', `${path} may not be opened: ${text}`, details);
  return new BoardError('board.serial-missing', `${path} cannot be opened: ${text}`, details);
}
