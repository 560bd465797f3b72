/**
 * iopub: what everybody sees. An XPUB socket in *manual* mode: a subscription counts only when we say so, and we say so
 * in the same turn in which its `iopub_welcome` is sent. So no other message can reach a subscriber before the welcome.
 *
 * The send high-water mark is 0 (a mark would drop messages silently). The price, a subscriber that stops reading, is
 * bounded by the output limit of a cell (`outputs.ts`).
 */
import type { Security } from '../connection-file.js';
import type { Outgoing, Writer } from '../message.js';
import { SendQueue } from '../send-queue.js';
import { XPublisher } from '../zeromq.js';
import { bound } from './bound.js';

const zmqSubscribe = 6;
const zmqUnsubscribe = 7;

class ManualPublisher extends XPublisher {
  constructor(security: Security) {
    super({ linger: 1000, sendHighWaterMark: 0, manual: true, verbosity: 'allSubsUnsubs', ...security });
  }

  /** Applies to the subscriber whose request was received last. */
  decide(subscribe: boolean, topic: Buffer): void {
    this.setStringOption(subscribe ? zmqSubscribe : zmqUnsubscribe, topic);
  }
}

/** The publishing socket. */
export interface IoPub {
  /** The address it is bound to. */
  readonly endpoint: string;
  /** Resolves once ZeroMQ has the message. */
  publish(message: Outgoing): Promise<void>;
  /** Publishes at the end of this turn at the latest, in the order of the calls: see `SendQueue.sendSoon`. */
  publishSoon(message: Outgoing): void;
  /** Resolves once ZeroMQ has everything published so far. */
  flushed(): Promise<void>;
  readonly queuedBytes: number;
  close(): void;
}

/** Binds iopub and welcomes subscribers. */
export async function openIoPub(
  endpoint: string,
  { writer, security, log }: { writer: Writer; security: Security; log: (line: string) => void },
): Promise<IoPub> {
  const socket = new ManualPublisher(security);
  const address = await bound(socket, endpoint);
  const queue = new SendQueue(socket, (error) => log(`iopub: ${(error as Error).message}`));
  void welcomeSubscribers(socket, queue, writer).catch((error: Error) => {
    if (!socket.closed) log(`iopub: ${error.message}`);
  });
  const encode = (message: Outgoing) => writer.encode([`kernel.${writer.session}.${message.type}`], message);
  return {
    endpoint: address,
    publish: (message) => queue.send(encode(message)),
    publishSoon: (message) => queue.sendSoon(encode(message)),
    flushed: () => queue.flushed(),
    get queuedBytes() {
      return queue.queuedBytes;
    },
    close: () => socket.close(),
  };
}

async function welcomeSubscribers(socket: ManualPublisher, queue: SendQueue, writer: Writer): Promise<void> {
  for await (const [frame] of socket) {
    if (!frame || frame.length === 0) continue;
    const topic = frame.subarray(1);
    if (frame[0] !== 1) {
      socket.decide(false, topic);
      continue;
    }
    const content = { subscription: topic.toString('utf8') };
    const welcome = writer.encode([topic], { type: 'iopub_welcome', content });
    await queue.send(welcome, () => socket.decide(true, topic));
  }
}
