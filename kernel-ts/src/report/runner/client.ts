/**
 * A front end without a window: `KernelConnection` of `@jupyterlab/services` on the bridge. There is no server: the few
 * calls that would go to one are messages on the control channel.
 */
import {
  type Kernel,
  KernelConnection,
  KernelMessage,
  type KernelMessage as Messages,
  ServerConnection,
} from '@jupyterlab/services';
import type { Connection } from '../../protocol/index.js';
import { bridgeTo, serializer } from './bridge.js';

/** What the runner needs of a connection. */
export interface KernelClient {
  readonly kernel: Kernel.IKernelConnection;
  /** Sends interrupt_request and waits for its reply. */
  interrupt(): Promise<void>;
  /** Sends shutdown_request and waits for its reply. */
  shutdown(): Promise<void>;
  close(): void;
}

/** Connects; requests wait until the kernel answers. */
export function connectClient(connection: Connection): KernelClient {
  const serverSettings = ServerConnection.makeSettings({
    WebSocket: bridgeTo(connection) as unknown as typeof WebSocket,
    fetch: () => Promise.reject(new Error('the runner has no Jupyter server')),
    serializer: serializer as unknown as ServerConnection.ISettings['serializer'],
  });
  const kernel = withoutDebugText(
    () => new KernelConnection({ model: { id: 'npulab-run', name: 'npulab' }, serverSettings, handleComms: false }),
  );
  const control = async (msgType: 'interrupt_request' | 'shutdown_request', content: object): Promise<void> => {
    const message = KernelMessage.createMessage({
      msgType: msgType as 'debug_request',
      channel: 'control',
      session: kernel.clientId,
      username: kernel.username,
      content: content as Messages.IDebugRequestMsg['content'],
    });
    await kernel.sendControlMessage(message, true).done;
  };
  return {
    kernel,
    interrupt: () => control('interrupt_request', {}),
    shutdown: () => control('shutdown_request', { restart: false }),
    close: () => kernel.dispose(),
  };
}

/** The library announces each WebSocket on `console.debug`, which Node prints to stdout. */
function withoutDebugText<T>(work: () => T): T {
  const { debug } = console;
  console.debug = () => {};
  try {
    return work();
  } finally {
    console.debug = debug;
  }
}
