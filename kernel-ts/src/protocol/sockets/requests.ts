/**
 * A ROUTER socket that takes requests: shell, control and stdin differ only in who handles them and in whether reading
 * may pause. A message that cannot be decoded is dropped and logged; it never ends the loop.
 */
import { randomUUID } from 'node:crypto';
import type { Security } from '../connection-file.js';
import { decode, type Message, type Outgoing, type Writer } from '../message.js';
import { SendQueue } from '../send-queue.js';
import type { Signer } from '../signature.js';
import { Router } from '../zeromq.js';
import { bound } from './bound.js';

/** Largest single frame accepted; a peer that sends more is disconnected by ZeroMQ. */
export const maxFrameBytes = 256 * 1024 * 1024;

/** An address that no peer has: ZeroMQ drops what is sent there. */
const nobody = [randomUUID(), ''];

/** What a request socket needs. */
export interface RequestSocketOptions {
  readonly endpoint: string;
  readonly name: string;
  readonly signer: Signer;
  readonly writer: Writer;
  readonly security: Security;
  readonly log: (line: string) => void;
  /** Handles one message; must not throw. */
  readonly onMessage: (message: Message) => void;
  /** Awaited before each read: the place for back-pressure. */
  readonly mayRead?: () => Promise<void> | undefined;
}

/** A bound request socket. */
export interface RequestSocket {
  /** The address it is bound to. */
  readonly endpoint: string;
  /** Sends to the peer that the identities name; a peer that is gone is no error. */
  reply(identities: readonly Uint8Array[], message: Outgoing): Promise<void>;
  /** True while a message has arrived that `onMessage` has not seen. */
  readonly readable: boolean;
  readonly queuedBytes: number;
  /** Resolves once ZeroMQ has every reply so far. */
  flushed(): Promise<void>;
  close(): void;
}

/** Binds the socket. Nothing is read before `start` is called, so that no request meets a half-built kernel. */
export async function openRequests(options: RequestSocketOptions): Promise<RequestSocket & { start(): void }> {
  const socket = new Router({ linger: 1000, sendHighWaterMark: 0, maxMessageSize: maxFrameBytes, ...options.security });
  const endpoint = await bound(socket, options.endpoint);
  const queue = new SendQueue(socket, (error) => options.log(`${options.name}: ${(error as Error).message}`));
  return {
    endpoint,
    start() {
      void readAll(socket, options).catch((error: Error) => {
        if (!socket.closed) options.log(`${options.name}: ${error.message}`);
      });
    },
    reply: (identities, message) => queue.send(options.writer.encode(identities, message)),
    get readable() {
      if (socket.closed || !socket.readable) return false;
      // Asking has taken the wake-up that a waiting receive waits for; every send makes it look again.
      void queue.send(nobody);
      return true;
    },
    get queuedBytes() {
      return queue.queuedBytes;
    },
    flushed: () => queue.flushed(),
    close: () => socket.close(),
  };
}

async function readAll(socket: Router, options: RequestSocketOptions): Promise<void> {
  while (!socket.closed) {
    await options.mayRead?.();
    const frames = await socket.receive();
    let message: Message;
    try {
      message = decode(frames, options.signer);
    } catch (error) {
      options.log(`${options.name}: ${(error as Error).message}`);
      continue;
    }
    options.onMessage(message);
  }
}
