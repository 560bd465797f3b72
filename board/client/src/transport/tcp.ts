/** TCP. Knows sockets and their error codes; refuses to know frames. Small frames leave at once (NODELAY). */
import { connect, type Socket } from 'node:net';
import { BoardError } from '../errors.js';
import type { Dial, Transport } from './transport.js';

/** Largest piece handed to the socket at once: the board's buffers hold 64 KiB. */
const pieceBytes = 32 * 1024;

/** A dial for `host:port`. */
export function dialTcp(host: string, port: number): Dial {
  return (signal) =>
    new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
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
      socket.once('connect', () => settle(() => resolve(socketTransport(socket))));
      socket.once('error', (cause) => settle(() => reject(dialError(host, port, cause))));
    });
}

/** A transport over an open socket, either side's. */
export function socketTransport(socket: Socket): Transport {
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
      socket.on('data', (chunk) => !over && events.onData(chunk));
      socket.on('drain', () => !over && events.onDrain());
      socket.on('error', (error) => close(error.message));
      socket.on('end', () => close('the board closed the connection'));
      socket.on('close', () => close('the connection ended'));
    },
    write(pieces) {
      if (over || socket.destroyed) return false;
      let free = true;
      socket.cork();
      for (const piece of pieces) {
        for (let at = 0; at < piece.byteLength; at += pieceBytes)
          free = socket.write(piece.subarray(at, at + pieceBytes));
      }
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
