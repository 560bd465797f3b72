/** Addresses of boards. Knows their forms; connects to nothing. */
import type { ConnectOptions } from './board.js';
import { BoardError } from './errors.js';
import type { Target } from './worker/channel.js';

const backends = ['sim:rk3568', 'cpu'];

/** What an address means; fails with `board.unknown-address`, which lists the forms. */
export function parseAddress(url: string, options: ConnectOptions): Target {
  if (backends.includes(url)) {
    const { agentPath, logFolder, storeFolder, memoryMib } = options;
    return {
      kind: 'agent',
      backend: url,
      ...(agentPath !== undefined && { agentPath }),
      ...(logFolder !== undefined && { logFolder }),
      ...(storeFolder !== undefined && { storeFolder }),
      ...(memoryMib !== undefined && { memoryMib }),
    };
  }
  const match = typeof url === 'string' ? /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[^\s/:[\]]+):(\d{1,5})\/?$/.exec(url) : null;
  const port = Number(match?.[2]);
  if (!match || port < 1 || port > 65535) {
    throw new BoardError('board.unknown-address', `'${String(url)}' is no address of a board`, {
      fields: { url: String(url) },
    });
  }
  return { kind: 'tcp', host: match[1]!.replace(/^\[|\]$/g, ''), port };
}
