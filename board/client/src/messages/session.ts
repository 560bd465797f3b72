/** Metas of the frames that carry the session: link.cddl, "metas by frame type". Refuses to know methods and their arguments. */
import { BoardError, isWireCode, type WireCode } from '../errors.js';
import { decodeCbor, encodeAround, encodeCbor, type Wire, type WireMap } from '../frame/cbor.js';
import { damaged, protocolVersion } from '../frame/header.js';
import { Reader } from './reader.js';

/** What the board says of itself. */
export interface Hello {
  protocolMin: number;
  protocolCurrent: number;
  /** Build of the agent: version, target, features. */
  agentBuild: string;
  bootId: Uint8Array;
  token: Uint8Array;
  /** The session whose token we sent goes on. */
  resumed: boolean;
  maxFrameBytes: number;
  maxInflight: number;
  maxBodyBytes: number;
  clockHz: number;
  capabilities: string[];
  graceMs: number;
  /** The key in use only reads. */
  readOnly: boolean;
}

/** Only a serial line asks for bodies that small. */
export function isSerial({ maxBodyBytes }: Pick<Hello, 'maxBodyBytes'>): boolean {
  return maxBodyBytes <= 64 * 1024;
}

/** A stream that goes on after a reconnect. */
export interface StreamPlace {
  call: number;
  nextItem: number;
  /** Bytes of the items before it that the reader has yet to take. */
  unusedBytes: number;
}

/** HELLO of the host. `wallMicros`: µs since 1970, for the board's log lines. */
export function helloMeta(
  build: string,
  wallMicros: number,
  resume: { token: Uint8Array; streams: StreamPlace[] } | null,
  capabilities: readonly string[],
): Uint8Array {
  const meta: WireMap = new Map<number, Wire>([
    [0, protocolVersion],
    [1, protocolVersion],
    [2, build],
    [3, wallMicros],
  ]);
  if (resume) {
    meta.set(4, resume.token);
    if (resume.streams.length > 0) {
      meta.set(
        5,
        resume.streams.map(
          ({ call, nextItem, unusedBytes }): Wire =>
            new Map([
              [0, call],
              [1, nextItem],
              [2, unusedBytes],
            ]),
        ),
      );
    }
  }
  if (capabilities.length > 0) meta.set(6, [...capabilities]);
  return encodeCbor(meta);
}

/** HELLO of the board. Fails with `board.protocol-version` before it reads anything a later version may have changed. */
export function readHello(meta: Uint8Array): Hello {
  const reader = new Reader(decodeCbor(meta), 'HELLO');
  const protocolMin = reader.uint(0);
  const protocolCurrent = reader.uint(1);
  if (protocolMin > protocolVersion || protocolCurrent < protocolVersion) {
    throw new BoardError(
      'board.protocol-version',
      `The agent speaks protocol ${protocolMin} to ${protocolCurrent}, this client ${protocolVersion}`,
      { fields: { agentMin: protocolMin, agentCurrent: protocolCurrent, client: protocolVersion } },
    );
  }
  const limits = reader.inner(6);
  const hello: Hello = {
    protocolMin,
    protocolCurrent,
    agentBuild: reader.text(2),
    bootId: reader.bytes(3, 8),
    token: reader.bytes(4, 16),
    resumed: reader.bool(5),
    maxFrameBytes: limits.uint(0),
    maxInflight: limits.uint(1),
    maxBodyBytes: limits.uint(2),
    clockHz: reader.uint(7),
    capabilities: reader.list(8).filter((name) => typeof name === 'string'),
    graceMs: reader.uint(9),
    readOnly: reader.has(10) && reader.bool(10),
  };
  if (hello.maxFrameBytes < 1024 || hello.maxInflight < 1 || hello.maxBodyBytes < 64 || hello.clockHz < 1) {
    throw damaged('HELLO: limits that leave no room for a call');
  }
  return hello;
}

/** CALL. `args`: the method's arguments, encoded. `inflatedBytes`: size of the body before it was deflated. */
export function callMeta(args: Uint8Array, deadlineMs: number | null, inflatedBytes: number | null = null): Uint8Array {
  const rest: WireMap = new Map();
  if (deadlineMs !== null) rest.set(1, Math.max(1, Math.ceil(deadlineMs)));
  if (inflatedBytes !== null) rest.set(2, inflatedBytes);
  return encodeAround(args, rest);
}

/** Result of a REPLY. */
export function readReply(meta: Uint8Array): Wire {
  return new Reader(decodeCbor(meta), 'REPLY').any(0);
}

/** Size of a REPLY's body before it was deflated. */
export function readInflatedBytes(meta: Uint8Array): number {
  return new Reader(decodeCbor(meta), 'REPLY').uint(1);
}

/** The same of an ITEM, and how many bytes of its meta say so: they were added with the deflating. */
export function readInflatedItem(meta: Uint8Array): { sizeBytes: number; addedBytes: number } {
  const sizeBytes = new Reader(decodeCbor(meta), 'ITEM').uint(2);
  return { sizeBytes, addedBytes: 1 + encodeCbor(sizeBytes).byteLength };
}

/** The error of a FAIL; a code that link.cddl does not know becomes `internal` with the code in its fields. */
export function readFail(meta: Uint8Array, method: string): BoardError {
  const reader = new Reader(decodeCbor(meta), 'FAIL');
  const code = reader.text(0);
  const cause = reader.text(1);
  const fields: Record<string, unknown> = { method };
  if (reader.has(3)) {
    const sent = reader.any(3);
    if (sent instanceof Map) for (const [name, value] of sent) fields[String(name)] = plain(value);
  }
  const known = isWireCode(code);
  if (!known) fields.code = code;
  return new BoardError(known ? code : 'internal', `${method}: ${cause}`, { remedy: reader.text(2), fields });
}

function plain(value: Wire): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, inner]) => [String(key), plain(inner)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

/** ITEM: index and payload. */
export function readItem(meta: Uint8Array): { index: number; payload: Wire } {
  const reader = new Reader(decodeCbor(meta), 'ITEM');
  return { index: reader.uint(0), payload: reader.any(1) };
}

/** END: how many items there were. */
export function readEnd(meta: Uint8Array): number {
  return new Reader(decodeCbor(meta), 'END').uint(0);
}

/** EVENT. */
export function readEvent(meta: Uint8Array): { sequence: number; lost: number; payload: Wire } {
  const reader = new Reader(decodeCbor(meta), 'EVENT');
  return { sequence: reader.uint(0), lost: reader.uint(1), payload: reader.any(2) };
}

/** PONG: our own stamp, and the board's two. */
export function readPong(meta: Uint8Array): { hostMicros: number; receivedTicks: number; sentTicks: number } {
  const reader = new Reader(decodeCbor(meta), 'PONG');
  return { hostMicros: reader.uint(0), receivedTicks: reader.ticks(1), sentTicks: reader.ticks(2) };
}

/** BYE of the board: why, and what that is and what to do where it refuses the connection. */
export function readBye(meta: Uint8Array): { reason: string; code: WireCode | null; remedy: string | null } {
  const reader = new Reader(decodeCbor(meta), 'BYE');
  const code = reader.has(1) ? reader.text(1) : null;
  return {
    reason: reader.text(0),
    code: code !== null && isWireCode(code) ? code : null,
    remedy: reader.has(2) ? reader.text(2) : null,
  };
}

/** CANCEL. */
export function cancelMeta(): Uint8Array {
  return encodeCbor(new Map());
}

/** CREDIT: further bytes of meta and body the reader takes. */
export function creditMeta(sizeBytes: number): Uint8Array {
  return encodeCbor(new Map([[0, sizeBytes]]));
}

/** PING. */
export function pingMeta(hostMicros: number): Uint8Array {
  return encodeCbor(new Map([[0, hostMicros]]));
}

/** BYE. */
export function byeMeta(reason: string): Uint8Array {
  return encodeCbor(new Map([[0, reason]]));
}
