/**
 * Heartbeat: echoes what it gets. It runs in the front process, which never runs user code, so it answers while a cell spins.
 */
import type { Security } from '../connection-file.js';
import { Reply } from '../zeromq.js';
import { bound } from './bound.js';

/** Binds the heartbeat and echoes until closed. */
export async function openHeartbeat(
  endpoint: string,
  security: Security,
): Promise<{ readonly endpoint: string; close(): void }> {
  const socket = new Reply({ linger: 0, ...security });
  const address = await bound(socket, endpoint);
  void (async () => {
    for await (const frames of socket) await socket.send(frames);
  })().catch(() => {
    // Only closing the socket ends the loop.
  });
  return { endpoint: address, close: () => socket.close() };
}
