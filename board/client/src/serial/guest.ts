/**
 * A program behind a bridge: what it wants sent, and whether it takes what it is sent. Knows its socket's messages; refuses to
 * know the line. Frames wait here, so that one program's bulk stands neither before its own control nor before another's bulk.
 */
import { BoardError, toPortable } from '../errors.js';
import type { Transport } from '../transport/transport.js';
import { messageKind, messagePieces, messageReader, type Notice, noticePieces, readNotice } from './messages.js';

/** Bytes that may wait for a program that reads nothing, and for the line. A session in order needs a hundredth. */
const mostWaitingBytes = 8 << 20;

/** What a guest tells. */
export interface GuestEvents {
  /** It said who it is. */
  onJoin(guest: Guest, notice: Extract<Notice, { type: 'join' }>): void;
  /** It has something to send. */
  onFrame(guest: Guest): void;
  /** It left, died, or broke the rules. */
  onGone(guest: Guest): void;
}

/** One program. */
export class Guest {
  /** The board answers on the line: what it says is sent. */
  open = false;
  /** The number of its lane; null before its first frame. */
  lane: number | null = null;
  /** Who it is, once it has said so. */
  name: { pid: number; what: string } | null = null;
  /** It left; what it said on the control channel is still to be sent. */
  gone = false;
  readonly #socket: Transport;
  readonly #events: GuestEvents;
  readonly #queues: [Uint8Array[], Uint8Array[]] = [[], []];
  #waitingBytes = 0;
  #unreadBytes = 0;

  constructor(socket: Transport, events: GuestEvents) {
    this.#socket = socket;
    this.#events = events;
    const reader = messageReader((kind, bytes) => !this.gone && this.#take(kind, bytes));
    socket.start({
      onData: (chunk) => {
        if (this.gone) return;
        try {
          reader.push(chunk);
        } catch (error) {
          this.refuse(error);
        }
      },
      onDrain: () => {
        this.#unreadBytes = 0;
      },
      onClose: () => this.#leave(),
    });
  }

  /** The next frame of a channel. */
  next(channel: 0 | 1): Uint8Array | undefined {
    const frame = this.#queues[channel].shift();
    this.#waitingBytes -= frame?.byteLength ?? 0;
    return frame;
  }

  /** Gives it a frame of the board. */
  deliver(channel: 0 | 1, frame: Uint8Array): void {
    this.#write(messagePieces(channel, [frame]));
  }

  /** Gives it text of the line. */
  console(text: string): void {
    this.#write(messagePieces(messageKind.console, [new TextEncoder().encode(text)]));
  }

  /** Tells it something. */
  tell(notice: Notice): void {
    this.#write(noticePieces(notice));
  }

  /** Tells it that the line is down, and ends its connection. */
  down(reason: string): void {
    this.tell({ type: 'down', reason });
    this.#end();
  }

  /** Tells it why it is not served, and ends its connection. */
  refuse(error: unknown): void {
    this.tell({ type: 'refused', error: toPortable(error) });
    this.#end();
  }

  #take(kind: number, bytes: Uint8Array): void {
    if (kind === messageKind.control || kind === messageKind.bulk) {
      if (!this.open || bytes.byteLength === 0) throw new BoardError('board.bad-argument', 'a frame too early');
      this.#waitingBytes += bytes.byteLength;
      if (this.#waitingBytes > mostWaitingBytes)
        throw new BoardError('busy', 'more frames than calls can be in flight');
      this.#queues[kind].push(bytes);
      this.#events.onFrame(this);
      return;
    }
    const notice = kind === messageKind.notice ? readNotice(bytes) : null;
    if (notice?.type !== 'join' || this.name !== null)
      throw new BoardError('board.bad-argument', `a message of kind ${kind} that a program does not send`);
    this.name = { pid: Number(notice.pid), what: String(notice.what).slice(0, 200) };
    this.#events.onJoin(this, notice);
  }

  #write(pieces: readonly Uint8Array[]): void {
    if (this.gone) return;
    if (this.#socket.write(pieces)) return;
    this.#unreadBytes += pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (this.#unreadBytes <= mostWaitingBytes) return;
    // Its session on the board waits for it, should it come back.
    this.#socket.destroy();
    this.#leave();
  }

  #end(): void {
    if (this.gone) return;
    this.#socket.end();
    this.#leave();
  }

  #leave(): void {
    if (this.gone) return;
    this.gone = true;
    this.#queues[1].length = 0;
    this.#events.onGone(this);
  }
}
