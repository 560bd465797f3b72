/** A whole frame. Knows header, meta and body as bytes; refuses to know messages. */
import { BoardError } from '../errors.js';
import { damaged, type FrameType, type Header, headerBytes, paddingFor, readHeader, writeHeader } from './header.js';

/** A frame in memory. */
export interface Frame {
  type: FrameType;
  flags: number;
  method: number;
  call: number;
  /** CBOR, encoded. */
  meta: Uint8Array;
  /** Raw bytes; null where there are none. A received body owns its whole `ArrayBuffer`, so it can be transferred. */
  body: Uint8Array<ArrayBuffer> | null;
}

/** Bytes a frame takes, without a link's length prefix. */
export function frameBytes(frame: Frame): number {
  const body = frame.body?.byteLength ?? 0;
  return headerBytes + frame.meta.byteLength + paddingFor(frame.meta.byteLength, body) + body;
}

/**
 * Head (`prefixBytes` of room, header, meta, padding) and body as pieces to write one after the other: the body is not
 * copied. Fails with `tooLarge` where meta does not fit its 16 bits.
 */
export function framePieces(frame: Frame, prefixBytes: number): Uint8Array[] {
  const bodyBytes = frame.body?.byteLength ?? 0;
  const metaBytes = frame.meta.byteLength;
  if (metaBytes > 0xffff) throw new BoardError('tooLarge', `A message with ${metaBytes} bytes of metadata; 65535 fit`);
  const paddingBytes = paddingFor(metaBytes, bodyBytes);
  const head = new Uint8Array(prefixBytes + headerBytes + metaBytes + paddingBytes);
  writeHeader({ ...frame, metaBytes, paddingBytes, bodyBytes }, head.subarray(prefixBytes));
  head.set(frame.meta, prefixBytes + headerBytes);
  return frame.body && bodyBytes > 0 ? [head, frame.body] : [head];
}

/** Takes a whole frame apart, copying its body into memory of its own. For tests and datagrams; streams use the deframer. */
export function parseFrame(bytes: Uint8Array): Frame {
  const header = readHeader(bytes, bytes.byteLength);
  const bodyStart = headerBytes + header.metaBytes + header.paddingBytes;
  checkPadding(bytes.subarray(headerBytes + header.metaBytes, bodyStart));
  return assemble(
    header,
    bytes.slice(headerBytes, headerBytes + header.metaBytes),
    header.bodyBytes ? new Uint8Array(bytes.slice(bodyStart)) : null,
  );
}

/** Refuses padding that carries anything. */
export function checkPadding(padding: Uint8Array): void {
  if (padding.some((byte) => byte !== 0)) throw damaged('padding that is not zero');
}

/** A frame from a checked header and its parts. */
export function assemble(header: Header, meta: Uint8Array, body: Uint8Array<ArrayBuffer> | null): Frame {
  const { type, flags, method, call } = header;
  return { type, flags, method, call, meta, body };
}
