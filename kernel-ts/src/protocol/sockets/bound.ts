/** Binding with an error that names the address. */
import type { Socket } from 'zeromq';
import { ProtocolError } from '../errors.js';

/**
 * Binds a socket; gives the address it has got, which names the port where the endpoint left it open.
 *
 * @throws ProtocolError `protocol.cannot-bind`; the socket is closed then.
 */
export async function bound(socket: Socket, endpoint: string): Promise<string> {
  try {
    await socket.bind(endpoint);
    return socket.lastEndpoint ?? endpoint;
  } catch (cause) {
    socket.close();
    throw new ProtocolError('protocol.cannot-bind', `cannot bind ${endpoint}: ${(cause as Error).message}`, { cause });
  }
}
