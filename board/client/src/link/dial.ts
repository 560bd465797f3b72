/** From a target to a link: which transport, which framing. Knows kinds of target; the work is elsewhere. */
import type { Clock } from '../session/clock.js';
import { dialSerial } from '../transport/serial.js';
import { dialTcp } from '../transport/tcp.js';
import type { Target } from '../worker/channel.js';
import type { DialLink } from './frame-link.js';
import { overStream } from './link.js';
import { overSerial } from './serial-link.js';

/** Bits that a byte takes on the wire: 8N1. */
const bitsPerByte = 10;

/** A dial for a board that runs already. */
export function dialTarget(target: Exclude<Target, { kind: 'agent' }>, clock: Clock): DialLink {
  if (target.kind === 'tcp') return overStream(dialTcp(target.host, target.port));
  const { path, baud } = target;
  const options = { clock, bytesPerMs: baud / bitsPerByte / 1000, name: `${path} at ${baud} baud` };
  return overSerial(dialSerial(path, baud), options, null);
}
