/**
 * Captured bytes → what they say, for people: frames of a TCP stream, PDUs and console text of a serial line. Knows both framings and the
 * names of the contract; refuses to fail: what makes no sense is shown as such. Surprising: a PDU's sum needs the epochs, which are
 * learnt from the SYN and SYN-ACK of the capture; without these the sum is shown as unchecked.
 */
import { decodeCbor, type Wire } from './frame/cbor.js';
import { parseFrame } from './frame/frame.js';
import { frameType } from './frame/header.js';
import { methodOf, topic } from './messages/methods.js';
import { decodePdu, type Pdu, pduKind, zeroEpochs } from './uart/pdu.js';
import { Splitter } from './uart/splitter.js';

/** One thing found in a capture. */
export type Decoded =
  | {
      kind: 'frame';
      at: number;
      type: string;
      method: string;
      call: number;
      meta: unknown;
      bodyBytes: number;
      flags: number;
    }
  | {
      kind: 'pdu';
      at: number;
      pdu: string;
      seq: number;
      ack: number;
      sack: number;
      credit: number;
      channel: number;
      payloadBytes: number;
      sum: 'right' | 'unchecked';
    }
  | { kind: 'console'; at: number; text: string }
  | { kind: 'damaged'; at: number; why: string; bytes: number };

/** Which framing a capture has. */
export type CaptureKind = 'tcp' | 'serial';

const typeNames = Object.fromEntries(Object.entries(frameType).map(([name, code]) => [code, name.toUpperCase()]));
const topicNames = Object.fromEntries(Object.entries(topic).map(([name, code]) => [code, name]));
const pduNames = Object.fromEntries(Object.entries(pduKind).map(([name, code]) => [code, name]));

/** A serial capture begins with a delimiter or text; a TCP length is far below 16 MiB, so its fourth byte is zero. */
export function guessKind(bytes: Uint8Array): CaptureKind {
  if (bytes.byteLength < 8) return 'tcp';
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return length >= 16 && length <= 1 << 20 && bytes[4]! >> 4 === 1 ? 'tcp' : 'serial';
}

/** Everything in a capture, in order. */
export function decodeCapture(bytes: Uint8Array, kind: CaptureKind = guessKind(bytes)): Decoded[] {
  return kind === 'tcp' ? stream(bytes) : line(bytes);
}

function stream(bytes: Uint8Array): Decoded[] {
  const out: Decoded[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; ) {
    const rest = bytes.byteLength - at;
    const length = rest < 4 ? 0 : view.getUint32(at, true);
    if (rest < 4 || length > rest - 4) {
      out.push({ kind: 'damaged', at, why: 'the capture ends inside a frame', bytes: rest });
      break;
    }
    out.push(frame(bytes.subarray(at + 4, at + 4 + length), at));
    at += 4 + length;
  }
  return out;
}

function frame(bytes: Uint8Array, at: number): Decoded {
  try {
    const { type, method, call, meta, body, flags } = parseFrame(bytes);
    const name = methodOf(method)?.name ?? topicNames[method] ?? (method === 0 ? '' : `0x${method.toString(16)}`);
    return {
      kind: 'frame',
      at,
      type: typeNames[type]!,
      method: name,
      call,
      meta: plain(decodeCbor(meta)),
      bodyBytes: body?.byteLength ?? 0,
      flags,
    };
  } catch (error) {
    return { kind: 'damaged', at, why: (error as Error).message, bytes: bytes.byteLength };
  }
}

/** One direction or both, mixed: each PDU is tried under every pair of epochs seen so far. */
function line(bytes: Uint8Array): Decoded[] {
  const out: Decoded[] = [];
  const epochs = new Set<number>();
  const parts = new Map<string, Uint8Array[]>();
  let at = 0;
  const splitter = new Splitter({
    segment: (segment) => {
      const found = decodePdu(segment);
      if (!found) return false;
      const { pdu, valid } = found;
      const greets = pdu.kind === pduKind.syn || pdu.kind === pduKind.synAck;
      const pairs = [...epochs].flatMap((sender) => [...epochs].map((receiver) => ({ sender, receiver })));
      const pair = greets ? (valid(zeroEpochs) ? zeroEpochs : undefined) : pairs.find((one) => valid(one));
      if (!pair && (greets || epochs.size > 1)) return false;
      if (greets) learn(pdu, epochs);
      const { kind, seq, ack, sack, credit, channel, payload } = pdu;
      const sum = pair ? 'right' : 'unchecked';
      out.push({
        kind: 'pdu',
        at,
        pdu: pduNames[kind]!,
        seq,
        ack,
        sack,
        credit,
        channel,
        payloadBytes: payload.byteLength,
        sum,
      });
      if (kind === pduKind.data) gather(pdu, pair?.sender ?? 0, parts, (whole) => out.push(frame(whole, at)));
      return true;
    },
    console: (text) => out.push({ kind: 'console', at, text }),
    damaged: () => out.push({ kind: 'damaged', at, why: 'neither a PDU nor text', bytes: 0 }),
  });
  for (; at < bytes.byteLength; at += 1) splitter.push(bytes.subarray(at, at + 1));
  splitter.push(Uint8Array.of(0));
  return out;
}

function learn({ payload }: Pdu, epochs: Set<number>): void {
  if (payload.byteLength === 8) epochs.add(new DataView(payload.buffer, payload.byteOffset).getUint32(0, true));
}

/** Puts a frame together again where its PDUs are there, each once and in order. */
function gather(
  { seq, channel, first, last, payload }: Pdu,
  sender: number,
  parts: Map<string, Uint8Array[]>,
  whole: (bytes: Uint8Array) => void,
): void {
  const seen = `${sender}/${seq}`;
  if (parts.has(seen)) return;
  parts.set(seen, []);
  const key = `${sender}.${channel}`;
  if (first) parts.set(key, []);
  const pieces = parts.get(key);
  if (!pieces) return;
  pieces.push(payload.slice());
  if (!last) return;
  parts.delete(key);
  whole(new Uint8Array(Buffer.concat(pieces)));
}

/** A value of CBOR as JSON has it. */
function plain(value: Wire): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, inner]) => [String(key), plain(inner)]));
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value.subarray(0, 32)).toString('hex');
    return value.byteLength > 32 ? `h'${hex}…' (${value.byteLength} bytes)` : `h'${hex}'`;
  }
  if (typeof value === 'bigint') return value.toString();
  return Array.isArray(value) ? value.map(plain) : value;
}

/** One line of text. */
export function decodedText(one: Decoded): string {
  const at = String(one.at).padStart(8);
  switch (one.kind) {
    case 'frame': {
      const body = one.bodyBytes > 0 ? ` + ${one.bodyBytes} bytes${one.flags & 2 ? ', compressed' : ''}` : '';
      const call = one.call > 0 ? ` #${one.call}` : '';
      return `${at}  ${one.type}${one.method ? ` ${one.method}` : ''}${call} ${JSON.stringify(one.meta)}${body}`;
    }
    case 'pdu':
      return `${at}    pdu ${one.pdu} channel ${one.channel} seq ${one.seq} ack ${one.ack} sack ${one.sack.toString(16)} credit ${one.credit}, ${one.payloadBytes} bytes, sum ${one.sum}`;
    case 'console':
      return `${at}  console ${JSON.stringify(one.text)}`;
    case 'damaged':
      return `${at}  damaged: ${one.why}${one.bytes > 0 ? ` (${one.bytes} bytes)` : ''}`;
  }
}
