/**
 * A WebSocket that is none: what `@jupyterlab/services` sends goes to the kernel's ZeroMQ sockets, each message to the
 * socket that it names, signed; what they receive comes back. It is open once iopub has welcomed us, so that no output
 * of the first cell is missed. Knows frames and channels, refuses to know what messages mean.
 */
import { randomUUID } from 'node:crypto';
import { Dealer, Subscriber } from 'zeromq';
import { type Connection, decode, Signer, toFrames } from '../../protocol/index.js';

type Requests = 'shell' | 'control' | 'stdin';

/** A message as `@jupyterlab/services` has it. */
export interface ChannelMessage {
  readonly channel: Requests | 'iopub';
  readonly header: object;
  readonly parent_header: object;
  readonly metadata: object;
  readonly content: object;
  readonly buffers?: readonly (ArrayBuffer | ArrayBufferView)[];
}

/** The part of a WebSocket that a kernel connection uses. Messages stay objects: see `serializer`. */
export interface BridgeSocket {
  readonly protocol: string;
  binaryType: string;
  onopen: ((event: object) => void) | null;
  onmessage: ((event: { data: ChannelMessage }) => void) | null;
  onclose: ((event: object) => void) | null;
  onerror: ((event: object) => void) | null;
  send(message: ChannelMessage): void;
  close(): void;
}

/** Goes with the bridge: messages need no text form inside one process. */
export const serializer = {
  serialize: (message: unknown): unknown => message,
  deserialize: (data: unknown): unknown => data,
};

/** A class to hand to `ServerConnection` as its WebSocket. */
export function bridgeTo(connection: Connection): new (...ignored: unknown[]) => BridgeSocket {
  return class Bridge implements BridgeSocket {
    readonly protocol = '';
    binaryType = 'arraybuffer';
    onopen: BridgeSocket['onopen'] = null;
    onmessage: BridgeSocket['onmessage'] = null;
    onclose: BridgeSocket['onclose'] = null;
    onerror: BridgeSocket['onerror'] = null;
    readonly #iopub = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
    readonly #requests: Record<Requests, Dealer>;
    readonly #signer = new Signer(connection.hash, connection.key);
    #sending: Promise<void> = Promise.resolve();
    #open = false;

    constructor() {
      // One identity for all sockets: a question goes to the stdin socket of the client that runs the cell.
      const options = { routingId: randomUUID(), linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 };
      this.#requests = { shell: new Dealer(options), control: new Dealer(options), stdin: new Dealer(options) };
      for (const name of ['shell', 'control', 'stdin'] as const) {
        this.#requests[name].connect(connection.endpoints[name]);
        this.#read(name, this.#requests[name]);
      }
      this.#iopub.subscribe('');
      this.#iopub.connect(connection.endpoints.iopub);
      this.#read('iopub', this.#iopub);
    }

    send(message: ChannelMessage): void {
      const { channel, header, parent_header, metadata, content, buffers } = message;
      if (channel === 'iopub') return;
      const frames = toFrames(this.#signer, [], [header, parent_header, metadata, content], buffers?.map(bytesOf));
      const socket = this.#requests[channel];
      this.#sending = this.#sending
        .then(() => (socket.closed ? undefined : socket.send(frames)))
        .catch((error: Error) => this.onerror?.({ message: error.message }));
    }

    close(): void {
      for (const socket of [...Object.values(this.#requests), this.#iopub]) socket.close();
    }

    #read(channel: Requests | 'iopub', socket: Dealer | Subscriber): void {
      void (async () => {
        for await (const frames of socket) {
          const { header, parentHeader, metadata, content, buffers } = decode(frames, this.#signer);
          if (header.msg_type === 'iopub_welcome') {
            if (!this.#open) this.onopen?.({});
            this.#open = true;
            continue;
          }
          const data = {
            channel,
            header,
            parent_header: parentHeader,
            metadata,
            content,
            buffers: buffers.map(bytesOf),
          };
          this.onmessage?.({ data });
        }
      })().catch((error: Error) => {
        if (!socket.closed) this.onerror?.({ message: error.message });
      });
    }
  };
}

function bytesOf(buffer: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer);
}
