/** From a target to a link: which transport, which framing. Knows kinds of target; the work is elsewhere. */
import type { Spares } from '../frame/spares.js';
import { readKey } from '../secure/key-file.js';
import { lineHandshake } from '../secure/line.js';
import { secured } from '../secure/stream.js';
import { dialSerial } from '../serial/dial.js';
import { dialTcp } from '../transport/tcp.js';
import type { Target } from '../worker/channel.js';
import type { DialLink } from './frame-link.js';
import { overStream } from './link.js';
import { overSerial } from './serial-link.js';

/** A dial for a board that runs already. `spares`: memory for large bodies. Fails with `board.key-…` where the key cannot be read. */
export function dialTarget(target: Exclude<Target, { kind: 'agent' }>, spares: Spares): DialLink {
  const key = target.key === undefined ? null : readKey(target.key);
  if (target.kind === 'tcp') {
    const dial = dialTcp(target.host, target.port);
    return overStream(key ? secured(dial, key, `${target.host}:${target.port}`) : dial, spares);
  }
  const { path, baud } = target;
  return overSerial(dialSerial(path, baud), key && lineHandshake(key, path));
}
