/** From an address to a board: starts the link thread and waits for it. Knows threads; the work is elsewhere. */
import { Worker } from 'node:worker_threads';
import { parseAddress } from './address.js';
import type { Board, Connect, ConnectOptions } from './board.js';
import { BoardError } from './errors.js';
import { openBoard } from './handles/board.js';
import { clientBuild } from './version.js';
import { endpointOf } from './worker/channel.js';
import type { LinkClient } from './worker/client.js';

const defaultTimeoutMs = 15_000;
/** How long a thread that has put everything away may take to end. */
const threadEndMs = 1_000;

/** {@inheritDoc Connect} */
export const connect: Connect = async (url: string, options: ConnectOptions = {}): Promise<Board> => {
  const target = parseAddress(url, options);
  if (options.signal?.aborted)
    throw new BoardError('cancelled', 'Cancelled before it began', { cause: options.signal.reason });
  const thread = new Worker(new URL('./worker/main.js', import.meta.url), {
    workerData: { target, build: clientBuild },
    execArgv: [],
    name: 'npulab-link',
  });
  let client: LinkClient | null = null;
  const exited = new Promise<void>((resolve) => {
    thread.once('exit', () => {
      client?.lost(new BoardError('board.worker-failed', 'The link thread ended'));
      resolve();
    });
  });
  thread.on('error', (cause) =>
    client?.lost(new BoardError('board.worker-failed', `The link thread failed: ${cause}`, { cause })),
  );
  const afterClose = async () => {
    const timer = setTimeout(() => void thread.terminate(), threadEndMs);
    await exited;
    clearTimeout(timer);
  };
  return openBoard(
    {
      endpoint: endpointOf(thread),
      url,
      timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
      onEvent: options.onEvent,
      afterClose,
      ...(options.signal && { signal: options.signal }),
    },
    (made) => {
      client = made;
    },
  );
};
