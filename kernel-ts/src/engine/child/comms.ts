/**
 * Comms as a cell sees them: `kernel.comms`. Knows targets and open comms; refuses to know Jupyter. Outputs of a handler
 * belong to the message that it handles. Surprise: a handler is started from the event loop and never from the channel,
 * so that terminating one that spins takes no other message with it.
 */
import { randomUUID } from 'node:crypto';
import type { Comm, CommContent, CommMessage, CommTargets } from '../types.js';
import { type CellMark, currentCell, dropTimers, runAs } from './attribution.js';
import { send } from './output.js';

const later = globalThis.setImmediate;

type Handler = Parameters<CommTargets['register']>[1];

class OpenComm implements Comm {
  onMessage: Comm['onMessage'];
  onClose: Comm['onClose'];
  readonly #forget: () => void;
  #open = true;

  constructor(
    readonly id: string,
    readonly target: string,
    forget: () => void,
  ) {
    this.#forget = forget;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  send(data: object, more: Partial<CommContent> = {}): void {
    if (this.#open) emit('message', this.id, { ...more, data: data as CommContent['data'] });
  }

  close(data: object = {}): void {
    if (!this.#open) return;
    this.ended();
    emit('close', this.id, { data: data as CommContent['data'] });
  }

  /** The other end has closed. */
  ended(): void {
    this.#open = false;
    this.#forget();
  }
}

interface RunningHandler {
  readonly mark: CellMark;
  readonly done: (known: boolean) => void;
}

/** Targets and open comms of the process that runs cells. */
export class Comms implements CommTargets {
  readonly #targets = new Map<string, Handler>();
  readonly #open = new Map<string, OpenComm>();
  readonly #running = new Set<RunningHandler>();
  readonly #onError: (error: unknown, requestId: string) => void;

  constructor(onError: (error: unknown, requestId: string) => void) {
    this.#onError = onError;
  }

  register(target: string, handler: Handler): void {
    if (typeof handler !== 'function') throw new TypeError(`the handler of comm target ${target} is no function`);
    this.#targets.set(String(target), handler);
  }

  unregister(target: string): void {
    this.#targets.delete(target);
  }

  open(target: string, content: Partial<CommContent> = {}): Comm {
    const comm = this.#create(randomUUID(), String(target));
    emit('open', comm.id, content, comm.target);
    return comm;
  }

  /** Takes a message of the front end and says afterwards whether anybody knew its target or comm. */
  receive(requestId: string, message: CommMessage): void {
    const mark: CellMark = { requestId, label: `comm ${message.commId}`, timers: new Set(), interrupted: false };
    let running: RunningHandler | undefined;
    const done = (known: boolean): void => {
      if (running === undefined || !this.#running.delete(running)) return;
      send({ kind: 'comm-done', requestId, known });
    };
    running = { mark, done };
    this.#running.add(running);
    later(() => {
      const result = runAs(mark, async () => this.#handle(message), undefined, []) as Promise<boolean>;
      result.then(done, (error: unknown) => {
        this.#onError(error, requestId);
        // Nobody serves a comm whose opening failed.
        if (message.kind === 'open') this.#open.get(message.commId)?.close();
        done(true);
      });
    });
  }

  /** Ends every handler that runs: an interrupt stops them all. */
  interrupt(): void {
    for (const { mark, done } of [...this.#running]) {
      dropTimers(mark);
      done(true);
    }
  }

  async #handle({ kind, commId, target, data, metadata, buffers }: CommMessage): Promise<boolean> {
    const content = { data, metadata, buffers };
    if (kind === 'open') {
      const handler = this.#targets.get(target ?? '');
      if (handler === undefined) return false;
      await handler(this.#create(commId, target ?? ''), content);
      return true;
    }
    const comm = this.#open.get(commId);
    if (comm === undefined) return false;
    if (kind === 'message') await comm.onMessage?.(content);
    else {
      comm.ended();
      await comm.onClose?.(content);
    }
    return true;
  }

  #create(id: string, target: string): OpenComm {
    const comm = new OpenComm(id, target, () => this.#open.delete(id));
    this.#open.set(id, comm);
    return comm;
  }
}

function emit(kind: CommMessage['kind'], commId: string, content: Partial<CommContent>, target?: string): void {
  const { data = {}, metadata = {}, buffers = [] } = content;
  // What travels must be JSON: fail in the line that sends, not behind its back.
  const plain = JSON.parse(JSON.stringify({ data, metadata })) as Pick<CommMessage, 'data' | 'metadata'>;
  const message: CommMessage = { kind, commId, ...plain, buffers, ...(target === undefined ? {} : { target }) };
  send({ kind: 'comm', requestId: currentCell()?.requestId ?? '', message });
}
