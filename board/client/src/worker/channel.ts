/**
 * What main thread and link thread say to each other. Knows shapes only. Bodies travel as transferred `ArrayBuffer`s;
 * errors as {@link PortableError}, since structured clone would drop their class.
 */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { BlobSource } from '../blob.js';
import type { PortableError } from '../errors.js';
import type { Wire } from '../frame/cbor.js';
import type { Hello } from '../messages/session.js';
import type { Progress } from '../options.js';
import type { ClockEstimate } from '../session/clock-sync.js';
import type { CallSpec } from '../session/types.js';

/** Where the board is. */
export type Target =
  /** `key`: file of a key, or its name in the folder of keys. */
  | { kind: 'tcp'; host: string; port: number; key?: string }
  | { kind: 'serial'; path: string; baud: number; key?: string }
  | {
      kind: 'agent';
      backend: string;
      agentPath?: string;
      logFolder?: string;
      storeFolder?: string;
      memoryMib?: number;
    };

/** Facts of a connection. */
export interface Opened {
  hello: Hello;
  /** Counts sessions from 1: handles of an older one are stale. */
  epoch: number;
}

/** Main thread → link thread. `id`: the request's name, unique per direction. */
export type ToLink =
  | { type: 'open'; id: number; timeoutMs: number }
  | { type: 'call'; id: number; spec: CallSpec; stream: boolean }
  | { type: 'ping'; id: number; timeoutMs: number }
  | { type: 'upload'; id: number; sources: BlobSource[]; timeoutMs: number | null }
  | { type: 'cancel'; id: number }
  /** The reader has taken one more item of this stream. */
  | { type: 'taken'; id: number }
  /** A body that was read: its memory may take the next one. */
  | { type: 'spent'; body: Uint8Array<ArrayBuffer> }
  | { type: 'close'; reason: string };

/** Link thread → main thread. `done` and `failed` answer a request, once. */
export type FromLink =
  /** `spent`: the body that came with the call, which its caller may fill again. */
  | { type: 'done'; id: number; value: unknown; spent?: Uint8Array<ArrayBuffer> }
  | { type: 'failed'; id: number; error: PortableError }
  | { type: 'item'; id: number; payload: Wire; body: Uint8Array<ArrayBuffer> | null }
  | { type: 'progress'; id: number; progress: Progress }
  | { type: 'state'; state: 'connected' | 'suspended'; reason: string }
  | { type: 'suspect'; suspect: boolean }
  | { type: 'reset'; opened: Opened; reason: string }
  | { type: 'event'; topic: number; payload: Wire; lost: number }
  | { type: 'console'; text: string }
  | { type: 'clock'; estimate: ClockEstimate }
  | { type: 'ended'; error: PortableError }
  /** Everything is put away; the thread ends. */
  | { type: 'closed' };

/** One end of the channel. */
export interface Endpoint {
  post(message: ToLink | FromLink, transfer?: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Whether this end keeps its process alive. */
  keepAlive(alive: boolean): void;
}

/** The end of the channel that a `Worker` or a `MessagePort` is. */
export function endpointOf(port: Worker | MessagePort): Endpoint {
  return {
    post: (message, transfer) => port.postMessage(message, transfer),
    onMessage: (listener) => void (port as MessagePort).on('message', listener),
    keepAlive: (alive) => (alive ? port.ref() : port.unref()),
  };
}

/** The buffer to transfer, where the view owns all of it; a view of a part is copied by structured clone instead. */
export function transferable(body: Uint8Array<ArrayBuffer> | null): ArrayBuffer[] {
  return body && body.byteLength === body.buffer.byteLength && body.byteLength > 0 ? [body.buffer] : [];
}
