/**
 * What `npulab doctor --board ADDRESS` looks at: who has the port, does an agent answer, what is it, does every byte get through, how fast, how
 * far off is the clock. Each check says what it found, or what is wrong and the remedy. Knows the client's public surface only.
 */
import { createHash } from 'node:crypto';
import { type Board, type BoardError, connect, describeHolder, holderOf } from '@npulab/board';
import type { Finding } from './doctor-checks.js';

/** One line about a board. */
export interface BoardFinding extends Finding {
  readonly name: string;
}

/** Bytes of the pattern, each way. */
const patternBytes = 64 * 1024;
const connectTimeoutMs = 10_000;

/** Looks at a board; later checks are left out where an earlier one failed. Never throws. */
export async function checkBoard(address: string): Promise<BoardFinding[]> {
  const findings: BoardFinding[] = [];
  const found = (name: string, text: string) => findings.push({ name, ok: true, found: text, remedy: '' });
  const wrong = (name: string, error: unknown) => {
    const { message, remedy } = error as BoardError;
    findings.push({
      name,
      ok: false,
      found: message.split('\n')[0] ?? '',
      remedy: remedy ?? 'report it with this text',
    });
  };
  const port = /^serial:\/\/([^?]+)/.exec(address)?.[1];
  const holder = port === undefined ? null : holderOf(port);
  if (holder) found('port', `shared through ${describeHolder(holder)}`);
  let board: Board;
  const console: string[] = [];
  try {
    board = await connect(address, {
      timeoutMs: connectTimeoutMs,
      onEvent: (event) => event.type === 'console' && console.push(event.text),
    });
  } catch (error) {
    wrong('agent', error);
    const heard = (error as BoardError).fields?.console;
    if (typeof heard === 'string' && heard !== '') found('console', JSON.stringify(heard.slice(-200)));
    return findings;
  }
  try {
    const { agentVersion, backend, soc, bootId } = board.info;
    found('agent', `npulabd ${agentVersion}, ${soc}, ${backend}, boot ${bootId}`);
    await pattern(board, found);
    const { roundTripMs } = await board.ping();
    const { offsetMs, errorMs } = board.clock!;
    found(
      'clock',
      `round trip ${roundTripMs.toFixed(2)} ms, offset ${offsetMs.toFixed(1)} ms ± ${errorMs.toFixed(2)} ms`,
    );
    const { holder: who, why } = await board.lease.state();
    found('lease', who === null ? 'nobody holds the board' : `held by ${who}${why === '' ? '' : ` (${why})`}`);
    if (console.length > 0) found('console', `${console.join('').length} characters of other text on the line`);
  } catch (error) {
    wrong('line', error);
  } finally {
    await board.close();
  }
  return findings;
}

/** Random bytes out, a digest back; then bytes that follow from their place. */
async function pattern(board: Board, found: (name: string, text: string) => void): Promise<void> {
  const noise = createHash('shake256', { outputLength: patternBytes }).update('npulab').digest();
  const { toBoardBytesPerSecond, fromBoardBytesPerSecond, link } = await board.testLink(noise);
  const kilobytes = (rate: number) => `${(rate / 1000).toFixed(1)} kB/s`;
  const line =
    link.transport === 'serial'
      ? `; ${link.repeatedPdus} of ${link.sentPdus} PDUs repeated by the board, ${link.damagedSegments} damaged on their way to it`
      : '';
  found(
    'pattern',
    `${patternBytes / 1024} KiB each way arrived unchanged, ${kilobytes(toBoardBytesPerSecond)} there, ${kilobytes(fromBoardBytesPerSecond)} back${line}`,
  );
}
