/** A program's place on a line that a bridge has. Knows the socket's messages; refuses to know frames and PDUs. */
import { BoardError, fromPortable } from '../errors.js';
import type { Transport } from '../transport/transport.js';
import type { FrameLine, LineEvents } from '../uart/frame-line.js';
import { Inbox } from '../uart/inbox.js';
import { messageKind, messagePieces, messageReader, type Notice, noticePieces, readNotice } from './messages.js';

/** A bridge that ended before it answered: another one is to be asked. */
export const bridgeGone = Symbol('the bridge ended');

/** What a program says of itself. */
export interface Joining {
  path: string;
  baud: number;
  pid: number;
  what: string;
}

/** A place on a line. */
export class BridgeLine implements FrameLine {
  readonly #socket: Transport;
  readonly #inbox = new Inbox();
  readonly #joining: Joining;
  #text = '';
  #damaged = 0;
  #over = false;
  #heard = false;
  #settle: { open(): void; fail(error: unknown): void } | null = null;

  constructor(socket: Transport, joining: Joining) {
    this.#socket = socket;
    this.#joining = joining;
    const reader = messageReader((kind, bytes) => !this.#over && this.#take(kind, bytes));
    socket.start({
      onData: (chunk) => {
        if (this.#over) return;
        try {
          reader.push(chunk);
        } catch (error) {
          this.#down((error as Error).message);
        }
      },
      onDrain: () => undefined,
      onClose: () => this.#down('the process that has the serial port ended'),
    });
    const { baud, pid, what } = joining;
    socket.write(noticePieces({ type: 'join', pid, what, baud }));
  }

  /**
   * Waits until the board has answered. Rejects with `board.serial-silent` where the signal says that it took too long, with what the
   * bridge says, or with {@link bridgeGone}.
   */
  opened(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        this.#settle = null;
        signal.removeEventListener('abort', onAbort);
        finish();
      };
      const fail = (error: unknown) => {
        this.destroy();
        settle(() => reject(error));
      };
      const onAbort = () => fail(this.#silent(signal.reason));
      this.#settle = { open: () => settle(resolve), fail };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort);
    });
  }

  send(channel: 0 | 1, pieces: readonly Uint8Array[]): void {
    if (!this.#over) this.#socket.write(messagePieces(channel, pieces));
  }

  listen(events: LineEvents): void {
    this.#inbox.listen(events);
  }

  nextFrame(signal: AbortSignal): Promise<Uint8Array> {
    return this.#inbox.next(signal);
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.end();
  }

  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.destroy();
  }

  #take(kind: number, bytes: Uint8Array): void {
    this.#heard = true;
    switch (kind) {
      case messageKind.control:
      case messageKind.bulk:
        this.#inbox.onFrame(kind, bytes);
        return;
      case messageKind.console: {
        const text = new TextDecoder().decode(bytes);
        this.#text += this.#settle ? text : '';
        this.#inbox.onConsole(text);
        return;
      }
      default:
        this.#notice(readNotice(bytes));
    }
  }

  #notice(notice: Notice): void {
    switch (notice.type) {
      case 'open':
        this.#settle?.open();
        return;
      case 'damaged':
        this.#damaged = notice.count;
        return;
      case 'down':
        this.#down(notice.reason);
        return;
      case 'refused': {
        const error = fromPortable(notice.error);
        if (this.#settle) this.#settle.fail(error);
        else this.#down(error.message);
        return;
      }
    }
  }

  #down(reason: string): void {
    if (this.#over) return;
    const settle = this.#settle;
    this.destroy();
    if (settle)
      settle.fail(this.#heard ? new BoardError('board.connect-failed', `${this.#name}: ${reason}`) : bridgeGone);
    else this.#inbox.onDown(reason);
  }

  get #name(): string {
    return `${this.#joining.path} at ${this.#joining.baud} baud`;
  }

  #silent(reason: unknown): unknown {
    if (!(reason instanceof BoardError) || reason.code !== 'board.connect-timeout') return reason;
    const heard =
      this.#text !== ''
        ? 'only text of a console came'
        : this.#damaged > 0
          ? `${this.#damaged} pieces that make no sense came: a wrong baud rate looks like this`
          : 'nothing came at all';
    return new BoardError('board.serial-silent', `No agent answered on ${this.#name}; ${heard}`, {
      cause: reason,
      fields: { name: this.#name, damaged: this.#damaged, console: this.#text.slice(-400) },
    });
  }
}
