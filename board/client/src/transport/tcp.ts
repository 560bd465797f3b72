/** TCP. Knows sockets and their error codes; refuses to know frames. Small frames leave at once (NODELAY). */
import { connect, type Socket } from 'node:net';
import { BoardError } from '../errors.js';
import type { Dial, Transport } from './transport.js';

/** Where the bytes of a socket arrive, again and again: no chunk is allocated, and few calls fetch much. */
const arrivalBytes = 256 * 1024;

/** A dial for `host:port`. */
export function dialTcp(host: string, port: number): Dial {
  return (signal) =>
    new Promise((resolve, reject) => {
      const arrivals = new Arrivals();
      const socket = connect({ host, port, noDelay: true, onread: arrivals });
      const settle = (finish: () => void) => {
        signal.removeEventListener('abort', onAbort);
        socket.removeAllListeners();
        finish();
      };
      const onAbort = () => {
        settle(() => reject(signal.reason));
        socket.destroy();
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort);
      socket.once('connect', () => settle(() => resolve(socketTransport(socket, arrivals))));
      socket.once('error', (cause) => settle(() => reject(dialError(host, port, cause))));
    });
}

/** Takes what a socket reads; keeps copies until somebody listens. */
class Arrivals {
  readonly buffer = new Uint8Array(arrivalBytes);
  #early: Uint8Array[] = [];
  #listener: ((chunk: Uint8Array) => void) | null = null;

  readonly callback = (size: number): boolean => {
    const chunk = this.buffer.subarray(0, size);
    if (this.#listener) this.#listener(chunk);
    else this.#early.push(chunk.slice());
    return true;
  };

  listen(listener: (chunk: Uint8Array) => void): void {
    for (const chunk of this.#early.splice(0)) listener(chunk);
    this.#listener = listener;
  }
}

/** A transport over an open socket, either side's. `arrivals`: what the socket was made to read into, if anything. */
export function socketTransport(socket: Socket, arrivals?: Arrivals): Transport {
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  let over = false;
  return {
    start(events) {
      const close = (reason: string) => {
        if (over) return;
        over = true;
        socket.destroy();
        events.onClose(reason);
      };
      const take = (chunk: Uint8Array) => {
        if (!over) events.onData(chunk);
      };
      if (arrivals) {
        arrivals.listen(take);
        // Nothing comes this way but the end.
        socket.resume();
      } else socket.on('data', take);
      socket.on('drain', () => !over && events.onDrain());
      socket.on('error', (error) => close(error.message));
      socket.on('end', () => close('the board closed the connection'));
      socket.on('close', () => close('the connection ended'));
    },
    write(pieces) {
      if (over || socket.destroyed) return false;
      let free = true;
      socket.cork();
      for (const piece of pieces) free = socket.write(piece);
      socket.uncork();
      return free;
    },
    end() {
      over = true;
      socket.end(() => socket.destroy());
    },
    destroy() {
      over = true;
      socket.destroy();
    },
  };
}

function dialError(host: string, port: number, cause: NodeJS.ErrnoException): BoardError {
  const where = `${host}:${port}`;
  const details = { cause, fields: { host, port, errno: cause.code ?? null } };
  if (cause.code === 'ECONNREFUSED')
    return new BoardError('board.connect-refused', `${where} refused the connection`, details);
  if (cause.code === 'ETIMEDOUT') return new BoardError('board.connect-timeout', `${where} did not answer`, details);
  return new BoardError('board.connect-failed', `Cannot connect to ${where}: ${cause.message}`, details);
}
