/** Addresses of boards. Knows their forms; connects to nothing. */
import type { ConnectOptions } from './board.js';
import { addressOf } from './boards-file.js';
import { BoardError } from './errors.js';
import type { Target } from './worker/channel.js';

/** Back ends of an agent that is started here; `drm` on a board whose kernel has the vendor's device. */
const backends = ['sim:rk3568', 'cpu', 'drm'];
/** What the boot loader of the RK3568 boards sets. */
const defaultBaud = 1_500_000;

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
  const target = typeof url === 'string' ? runningTarget(url) : null;
  if (target) return target;
  throw new BoardError('board.unknown-address', `'${String(url)}' is no address of a board`, {
    fields: { url: String(url) },
  });
}

/** A board that runs already, by its address or its name in the boards file. */
function runningTarget(url: string): Target | null {
  const address = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(url) ? addressOf(url) : url;
  return address === null ? null : (tcpTarget(address) ?? serialTarget(address));
}

function tcpTarget(url: string): Target | null {
  const match = /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[^\s/:[\]?]+):(\d{1,5})\/?(\?.*)?$/.exec(url);
  const port = Number(match?.[2]);
  if (!match || port < 1 || port > 65535) return null;
  const { key } = parameters(url, match[3], ['key']);
  return { kind: 'tcp', host: match[1]!.replace(/^\[|\]$/g, ''), port, ...(key !== undefined && { key }) };
}

function serialTarget(url: string): Target | null {
  const match = /^serial:\/\/(\/[^\s?]+)(\?.*)?$/.exec(url);
  if (!match) return null;
  const { key, baud = String(defaultBaud) } = parameters(url, match[2], ['key', 'baud']);
  if (!/^\d{3,8}$/.test(baud) || Number(baud) < 300 || Number(baud) > 12_000_000) {
    throw new BoardError('board.unknown-address', `'${url}': ${baud} is no baud rate from 300 to 12 000 000`, {
      fields: { url },
    });
  }
  return { kind: 'serial', path: match[1]!, baud: Number(baud), ...(key !== undefined && { key }) };
}

/** `?name=value&…`; an unknown name is refused, since a misspelt key must not open an unsecured connection. */
function parameters<T extends string>(
  url: string,
  query: string | undefined,
  names: readonly T[],
): Partial<Record<T, string>> {
  const found: Partial<Record<T, string>> = {};
  for (const [name, value] of new URLSearchParams(query ?? '')) {
    const known = names.find((one) => one === name);
    if (known === undefined || value === '') {
      const allowed = names.join(', ');
      throw new BoardError('board.unknown-address', `'${url}': the parameter ${name} is none of ${allowed}, or empty`, {
        fields: { url },
      });
    }
    found[known] = value;
  }
  return found;
}
