/**
 * The 16-byte frame header of link.cddl. Knows offsets and type codes; refuses to know what a frame means.
 * Every length is checked here, before anybody allocates.
 */
import { BoardError } from '../errors.js';

/** Bytes of a header. */
export const headerBytes = 16;
/** Largest frame this side takes, header included. */
export const maxFrameBytes = 1 << 20;
/** The protocol version in the high half of byte 0. */
export const protocolVersion = 1;

/** Type codes of byte 1. */
export const frameType = {
  hello: 1,
  call: 2,
  reply: 3,
  fail: 4,
  item: 5,
  end: 6,
  event: 7,
  cancel: 8,
  credit: 9,
  ping: 10,
  pong: 11,
  bye: 12,
} as const;
/** One of the twelve type codes. */
export type FrameType = (typeof frameType)[keyof typeof frameType];

/** Flag bits of byte 0; version 1 has no other. */
export const frameFlag = { compressed: 2 } as const;

/** A header, checked. */
export interface Header {
  flags: number;
  type: FrameType;
  /** Method of a call, topic of an event, else 0. */
  method: number;
  /** Even: the host's; odd: the board's; 0: none. */
  call: number;
  metaBytes: number;
  paddingBytes: number;
  bodyBytes: number;
}

/** Types of frames whose bodies may be compressed. */
const shrinking: ReadonlySet<number> = new Set([frameType.call, frameType.reply, frameType.item]);

/** Zero bytes between meta and body, so that the body starts at a multiple of 8. */
export function paddingFor(metaBytes: number, bodyBytes: number): number {
  return bodyBytes === 0 ? 0 : (8 - ((headerBytes + metaBytes) % 8)) % 8;
}

/** Writes a header into the first 16 bytes of `target`. */
export function writeHeader(header: Header, target: Uint8Array): void {
  const view = new DataView(target.buffer, target.byteOffset, headerBytes);
  view.setUint8(0, (protocolVersion << 4) | header.flags);
  view.setUint8(1, header.type);
  view.setUint16(2, header.method, true);
  view.setUint32(4, header.call, true);
  view.setUint16(8, header.metaBytes, true);
  view.setUint8(10, header.paddingBytes);
  view.setUint8(11, 0);
  view.setUint32(12, header.bodyBytes, true);
}

/** Reads a header; `frameBytes` is the whole frame's length as the link knows it. Fails with `board.damaged-message`. */
export function readHeader(source: Uint8Array, frameBytes: number): Header {
  if (source.byteLength < headerBytes) throw damaged(`a header of ${source.byteLength} bytes`);
  const view = new DataView(source.buffer, source.byteOffset, headerBytes);
  const version = view.getUint8(0) >> 4;
  if (version !== protocolVersion) throw damaged(`frame version ${version}`);
  const type = view.getUint8(1);
  if (type < frameType.hello || type > frameType.bye) throw damaged(`frame type ${type}`);
  const header: Header = {
    flags: view.getUint8(0) & 15,
    type: type as FrameType,
    method: view.getUint16(2, true),
    call: view.getUint32(4, true),
    metaBytes: view.getUint16(8, true),
    paddingBytes: view.getUint8(10),
    bodyBytes: view.getUint32(12, true),
  };
  const mayShrink = shrinking.has(type) && header.bodyBytes > 0;
  if (header.flags & ~(mayShrink ? frameFlag.compressed : 0)) throw damaged(`flags ${header.flags} nobody agreed on`);
  if (view.getUint8(11) !== 0) throw damaged('a reserved byte that is not zero');
  const padding = paddingFor(header.metaBytes, header.bodyBytes);
  if (header.paddingBytes !== padding) throw damaged(`${header.paddingBytes} padding bytes where ${padding} belong`);
  const total = headerBytes + header.metaBytes + header.paddingBytes + header.bodyBytes;
  if (total !== frameBytes) throw damaged(`a frame of ${frameBytes} bytes whose parts add up to ${total}`);
  return header;
}

/** The error for bytes that are no frame. */
export function damaged(what: string): BoardError {
  return new BoardError('board.damaged-message', `The board sent ${what}`);
}
