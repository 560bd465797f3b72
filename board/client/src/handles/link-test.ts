/** Whether every byte gets through, and how fast: `sys.echo` and `sys.link`. Knows the pattern; refuses to know which link it tests. */
import { createHash } from 'node:crypto';
import { BoardError } from '../errors.js';
import type { LinkCounts, LinkTest } from '../link-test.js';
import { invoke } from '../messages/invoke.js';
import { Reader } from '../messages/reader.js';
import type { CallOptions } from '../options.js';
import { pick } from './buffer.js';
import { type BoardContext, pieceOf } from './context.js';
import { inPieces } from './pieces.js';

const transports = ['tcp', 'serial'] as const;

/** Sends `noise` and asks for as many bytes back. Fails with `corrupt` where one of them is another. */
export async function testLink(context: BoardContext, noise: Uint8Array, options: CallOptions = {}): Promise<LinkTest> {
  const { client } = context;
  const total = noise.byteLength;
  const began = performance.now();
  await inPieces(total, pieceOf(context), options, async (at, length, call) => {
    const body = new Uint8Array(noise.subarray(at, at + length));
    const digest = createHash('sha256').update(body).digest();
    const { result } = await invoke(client, 'sys.echo', { 0: 0 }, { ...call, body });
    if (Buffer.compare(new Reader(result, 'sys.echo').bytes(0, 32), digest) !== 0) throw changed(at, length, 'to');
  });
  const sent = performance.now();
  await inPieces(total, pieceOf(context), options, async (at, length, call) => {
    const { body } = await invoke(client, 'sys.echo', { 0: length }, call);
    const right = body?.byteLength === length && body.every((byte, index) => byte === patternByte(index));
    if (!right) throw changed(at, length, 'from');
  });
  const received = performance.now();
  const { result } = await invoke(client, 'sys.link', {}, pick(options));
  return {
    toBoardBytesPerSecond: (total * 1000) / (sent - began),
    fromBoardBytesPerSecond: (total * 1000) / (received - sent),
    link: readLinkCounts(new Reader(result, 'sys.link')),
  };
}

/** Byte i of what `sys.echo` sends back (link.cddl). */
function patternByte(index: number): number {
  return (7 * index + (index >> 8)) & 255;
}

function readLinkCounts(reader: Reader): LinkCounts {
  const roundTripUs = reader.uintOrNull(8);
  return {
    transport: reader.oneOf(0, transports),
    secured: reader.bool(1),
    sentPdus: reader.uint(2),
    repeatedPdus: reader.uint(3),
    receivedPdus: reader.uint(4),
    damagedSegments: reader.uint(5),
    payloadBytes: reader.uint(6),
    windowBytes: reader.uint(7),
    roundTripMs: roundTripUs === null ? null : roundTripUs / 1000,
  };
}

function changed(at: number, length: number, way: 'to' | 'from'): BoardError {
  return new BoardError(
    'corrupt',
    `Bytes ${at} to ${at + length} of the pattern were changed on the way ${way} the board`,
    {
      remedy: 'Client and agent disagree about a frame: rebuild both from the same commit, and report it.',
    },
  );
}
