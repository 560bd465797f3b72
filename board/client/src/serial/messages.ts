/**
 * What a bridge and a program that uses its port say to each other on their socket: u32 length, u8 kind, bytes. Knows the kinds;
 * refuses to know sockets. The frames are those of the line, sealed or not: the bridge never looks into one.
 */
import type { PortableError } from '../errors.js';
import { damaged } from '../frame/header.js';
import { lengthBytes, RecordReader } from '../link/records.js';
import { maxUartFrameBytes } from '../uart/receiver.js';

/** Kinds of messages. A frame's kind is its channel. */
export const messageKind = { control: 0, bulk: 1, console: 2, notice: 3 } as const;

/** What is neither a frame nor text. */
export type Notice =
  /** Program → bridge, once, first. */
  | { type: 'join'; pid: number; what: string; baud: number }
  /** The board answered; frames flow. */
  | { type: 'open' }
  /** So many pieces that make no sense have come, and no answer yet. */
  | { type: 'damaged'; count: number }
  /** The line is gone or began anew; nothing follows. */
  | { type: 'down'; reason: string }
  /** The program is not served; nothing follows. */
  | { type: 'refused'; error: PortableError };

const headBytes = lengthBytes + 1;
const rule = { least: 1, most: 1 + maxUartFrameBytes, name: 'message' };

/** A message as pieces to write one after the other. */
export function messagePieces(kind: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  const head = new Uint8Array(headBytes);
  const sizeBytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  new DataView(head.buffer).setUint32(0, sizeBytes + 1, true);
  head[4] = kind;
  return [head, ...pieces];
}

/** A notice as pieces. */
export function noticePieces(notice: Notice): Uint8Array[] {
  return messagePieces(messageKind.notice, [new TextEncoder().encode(JSON.stringify(notice))]);
}

/** A notice from its bytes. Fails with `board.damaged-message`. */
export function readNotice(bytes: Uint8Array): Notice {
  try {
    const notice = JSON.parse(new TextDecoder().decode(bytes)) as Notice;
    if (typeof notice?.type === 'string') return notice;
  } catch {
    // Told below.
  }
  throw damaged('a notice that is none');
}

/** A reader of messages: give it chunks, it gives kinds and bytes. After it has thrown, the stream is beyond repair. */
export function messageReader(onMessage: (kind: number, bytes: Uint8Array) => void): RecordReader {
  return new RecordReader(rule, (record) => onMessage(record[0]!, record.subarray(1)));
}
