/**
 * The unit of the serial line: ctl, sequence, acknowledgement, credit, payload, CRC-32, as link.cddl and link-protocol.md
 * §3.4 and §3.16 lay them out. Knows bytes; refuses to know when anything is sent. Surprising: the sum covers the two
 * epochs, which are not sent, so a PDU of another connection fails its CRC.
 */
import { crc32 } from 'node:zlib';
import { cobsBound, cobsDecode } from './cobs.js';
import { maskAndEncode } from './mask.js';

/** Kinds of PDU, bits 0–3 of ctl. */
export const pduKind = { data: 0, ack: 1, syn: 2, synAck: 3 } as const;
/** One of the four. */
export type PduKind = (typeof pduKind)[keyof typeof pduKind];

/** Largest payload. */
export const maxPayloadBytes = 1024;
/** Bytes of a PDU before the payload. */
const headBytes = 10;
const sumBytes = 4;
/** Bytes on the wire that a payload costs besides itself: mask, head, sum, one COBS code in 254, two delimiters. */
export const overheadBytes = 1 + headBytes + sumBytes + 1 + 2;
/** Largest segment between two delimiters. */
export const maxSegmentBytes = cobsBound(1 + headBytes + maxPayloadBytes + sumBytes);

/** A PDU in the clear. */
export interface Pdu {
  kind: PduKind;
  /** The payload begins a session frame. */
  first: boolean;
  /** The payload ends it. */
  last: boolean;
  /** 0 control, 1 bulk: each has its own reassembly. */
  channel: 0 | 1;
  seq: number;
  /** The next sequence number the sender of this PDU expects. */
  ack: number;
  /** Bit i: it has ack + 1 + i. */
  sack: number;
  /** What it takes beyond `ack`, in units of 256 payload bytes. */
  credit: number;
  payload: Uint8Array;
}

/** Epochs of a connection: the random numbers the two sides drew for it. */
export interface Epochs {
  sender: number;
  receiver: number;
}

/** What the sum of SYN and SYN-ACK covers. */
export const zeroEpochs: Epochs = { sender: 0, receiver: 0 };

/** A PDU on the wire, both delimiters included. */
export interface WirePdu {
  mask: number;
  bytes: Uint8Array;
}

/** Encodes; null where no mask will do (see {@link maskAndEncode}): split the payload, or change the credit by one. */
export function encodePdu(pdu: Pdu, epochs: Epochs, fromMask: number, notMask: number | null = null): WirePdu | null {
  const plain = new Uint8Array(1 + headBytes + pdu.payload.byteLength + sumBytes);
  const view = new DataView(plain.buffer, 1);
  view.setUint8(0, pdu.kind | (pdu.first ? 16 : 0) | (pdu.last ? 32 : 0) | (pdu.channel << 6));
  view.setUint16(1, pdu.seq, true);
  view.setUint16(3, pdu.ack, true);
  view.setUint32(5, pdu.sack, true);
  view.setUint8(9, pdu.credit);
  plain.set(pdu.payload, 1 + headBytes);
  const summed = plain.subarray(1, plain.byteLength - sumBytes);
  view.setUint32(summed.byteLength, sum(summed, epochs), true);
  const masked = maskAndEncode(plain, fromMask, notMask);
  if (!masked) return null;
  const bytes = new Uint8Array(masked.encoded.byteLength + 2);
  bytes.set(masked.encoded, 1);
  return { mask: masked.mask, bytes };
}

/** What a segment between two delimiters holds. */
export interface Unmasked {
  mask: number;
  pdu: Pdu;
  /** Whether the sum holds under these epochs. */
  valid(epochs: Epochs): boolean;
}

/** Decodes a segment as far as it goes without epochs; null where it is no PDU at all. */
export function decodePdu(segment: Uint8Array): Unmasked | null {
  if (segment.byteLength > maxSegmentBytes) return null;
  const plain = cobsDecode(segment);
  if (!plain || plain.byteLength < 1 + headBytes + sumBytes) return null;
  if (plain.byteLength > 1 + headBytes + maxPayloadBytes + sumBytes) return null;
  const mask = plain[0]!;
  for (let index = 1; index < plain.byteLength; index += 1) plain[index]! ^= mask;
  const view = new DataView(plain.buffer, plain.byteOffset + 1, plain.byteLength - 1);
  const ctl = view.getUint8(0);
  const kind = ctl & 15;
  if (kind > pduKind.synAck || ctl & 0x80) return null;
  const summed = plain.subarray(1, plain.byteLength - sumBytes);
  const expected = view.getUint32(summed.byteLength, true);
  const pdu: Pdu = {
    kind: kind as PduKind,
    first: (ctl & 16) !== 0,
    last: (ctl & 32) !== 0,
    channel: (ctl & 64) === 0 ? 0 : 1,
    seq: view.getUint16(1, true),
    ack: view.getUint16(3, true),
    sack: view.getUint32(5, true),
    credit: view.getUint8(9),
    payload: summed.subarray(headBytes),
  };
  return { mask, pdu, valid: (epochs) => sum(summed, epochs) === expected };
}

/** Credit units a payload costs. */
export function unitsOf(payloadBytes: number): number {
  return Math.max(1, Math.ceil(payloadBytes / 256));
}

function sum(bytes: Uint8Array, { sender, receiver }: Epochs): number {
  const head = new DataView(new ArrayBuffer(8));
  head.setUint32(0, sender, true);
  head.setUint32(4, receiver, true);
  return crc32(bytes, crc32(new Uint8Array(head.buffer)));
}
