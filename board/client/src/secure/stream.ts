/**
 * A secured stream of bytes over a transport: records of u32 length and sealed bytes. Knows records; refuses to know frames.
 * A body is copied once on each side, by the cipher.
 */
import { BoardError } from '../errors.js';
import { lengthBytes, RecordReader } from '../link/records.js';
import type { Dial, Transport, TransportEvents } from '../transport/transport.js';
import { NoiseHandshake, tagBytes } from './noise.js';
import { preface } from './preface.js';

const maxRecordBytes = 65_535;
/** Plain bytes of one record. */
export const maxPlainBytes = maxRecordBytes - tagBytes;
const rule = { least: tagBytes, most: maxRecordBytes, name: 'record' };

/** A dial that proves to have the key, and wants the same of the board. Fails with `board.key-refused`. */
export function secured(dial: Dial, key: Uint8Array, name: string): Dial {
  return async (signal) => secureStream(await dial(signal), key, name, signal);
}

function secureStream(inner: Transport, key: Uint8Array, name: string, signal: AbortSignal): Promise<Transport> {
  const start = preface(key);
  const handshake = new NoiseHandshake(true, key, start);
  return new Promise((resolve, reject) => {
    let events: TransportEvents | null = null;
    let open: ((record: Uint8Array) => void) | null = null;
    const plain: Uint8Array[] = [];
    const fail = (error: unknown) => {
      signal.removeEventListener('abort', onAbort);
      inner.destroy();
      reject(error);
    };
    const onAbort = () => fail(signal.reason);
    signal.addEventListener('abort', onAbort);
    let closed: string | null = null;
    const down = (reason: string) => {
      if (open === null) fail(refused(name, reason));
      else if (events) events.onClose(reason);
      else closed = reason;
    };
    const reader = new RecordReader(rule, (record) => {
      if (open) return open(record);
      try {
        handshake.read(record);
      } catch (cause) {
        return fail(refused(name, (cause as Error).message));
      }
      signal.removeEventListener('abort', onAbort);
      const { send, receive } = handshake.split();
      let received = 0n;
      let sent = 0n;
      open = (sealed) => {
        const bytes = receive.open(received++, sealed);
        if (events) events.onData(bytes);
        else plain.push(bytes);
      };
      resolve({
        start(listener) {
          queueMicrotask(() => {
            events = listener;
            for (const bytes of plain.splice(0)) listener.onData(bytes);
            if (closed !== null) listener.onClose(closed);
          });
        },
        write(pieces) {
          let free = true;
          for (const part of inRecords(pieces)) {
            const record = send.seal(sent++, part, lengthBytes);
            new DataView(record.buffer).setUint32(0, record.byteLength - lengthBytes, true);
            free = inner.write([record]);
          }
          return free;
        },
        end: () => inner.end(),
        destroy: () => inner.destroy(),
      });
    });
    inner.start({
      onData: (chunk) => {
        try {
          reader.push(chunk);
        } catch (error) {
          inner.destroy();
          down((error as Error).message);
        }
      },
      onDrain: () => events?.onDrain(),
      onClose: down,
    });
    const first = handshake.write(new Uint8Array(0));
    const length = new Uint8Array(lengthBytes);
    new DataView(length.buffer).setUint32(0, first.byteLength, true);
    inner.write([start, length, first]);
  });
}

/** Pieces regrouped so that each group fits a record. */
function* inRecords(pieces: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let group: Uint8Array[] = [];
  let room = maxPlainBytes;
  for (const piece of pieces) {
    for (let at = 0; at < piece.byteLength; ) {
      const part = piece.subarray(at, at + room);
      group.push(part);
      at += part.byteLength;
      room -= part.byteLength;
      if (room > 0) continue;
      yield group;
      group = [];
      room = maxPlainBytes;
    }
  }
  if (group.length > 0) yield group;
}

/** The error of a handshake that came to nothing. */
export function refused(name: string, reason: string): BoardError {
  return new BoardError('board.key-refused', `${name} ended the handshake: ${reason}`, { fields: { name } });
}
