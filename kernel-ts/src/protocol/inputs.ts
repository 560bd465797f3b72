/**
 * Questions to the user: `input_request` on stdin, to the client whose cell asks and to nobody else. Knows which cells may
 * ask and which replies belong to a question; refuses to know how a cell waits.
 *
 * Surprising: an `input_reply` need not name its question (jupyter_client leaves the parent empty). It then answers the
 * oldest open question of that client; one that comes when none is open is late, and dropped.
 */
import { randomUUID } from 'node:crypto';
import type { InputAnswer, InputQuestion } from './language.js';
import type { Header, Message } from './message.js';
import type { RequestSocket } from './sockets/requests.js';

/** Who may be asked for a running cell. */
interface Asker {
  readonly identities: readonly Uint8Array[];
  readonly header: Header;
  readonly allowed: boolean;
}

interface Question {
  readonly id: string;
  readonly identities: readonly Uint8Array[];
  readonly resolve: (answer: InputAnswer) => void;
}

/** Asks on the stdin socket. */
export class Inputs {
  readonly #stdin: () => RequestSocket;
  readonly #askers = new Map<string, Asker>();
  readonly #open = new Set<Question>();

  constructor(stdin: () => RequestSocket) {
    this.#stdin = stdin;
  }

  /** A cell runs from now on. */
  begin(requestId: string, message: Message, allowed: boolean): void {
    this.#askers.set(requestId, { identities: message.identities, header: message.header, allowed });
  }

  /** A cell has ended: it may no longer ask. */
  end(requestId: string): void {
    this.#askers.delete(requestId);
  }

  /** Asks; an abort takes the question back, and its late reply is ignored. */
  async ask(requestId: string, { prompt, password }: InputQuestion, signal: AbortSignal): Promise<InputAnswer> {
    const asker = this.#askers.get(requestId);
    if (!asker || signal.aborted) return { status: 'refused', why: 'cell-ended' };
    if (!asker.allowed) return { status: 'refused', why: 'not-allowed' };
    const { identities, header: parent } = asker;
    const id = randomUUID();
    return new Promise((resolve) => {
      const question: Question = {
        id,
        identities,
        resolve: (answer) => {
          this.#open.delete(question);
          signal.removeEventListener('abort', takeBack);
          resolve(answer);
        },
      };
      const takeBack = (): void => question.resolve({ status: 'refused', why: 'cell-ended' });
      signal.addEventListener('abort', takeBack, { once: true });
      this.#open.add(question);
      void this.#stdin().reply(identities, { id, type: 'input_request', content: { prompt, password }, parent });
    });
  }

  /** Takes an `input_reply`; false when it answers nothing that is open. */
  take(message: Message): boolean {
    const { value } = message.content;
    const named = message.parentHeader.msg_id;
    const question = [...this.#open].find(
      ({ id, identities }) => same(identities, message.identities) && (typeof named !== 'string' || named === id),
    );
    if (!question || typeof value !== 'string') return false;
    question.resolve({ status: 'answered', text: value });
    return true;
  }
}

function same(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((frame, at) => Buffer.from(frame).equals(b[at] as Uint8Array));
}
