/**
 * Comms: channels between objects in a cell and objects in the front end. Knows which are open and how they travel;
 * refuses to know what they say.
 *
 * Surprising: a comm whose target nobody registered is closed on iopub, where front ends look for it (Quarto opens
 * `quarto_kernel_setup` in every kernel), and a message to a comm that is not open is ignored.
 */
import type { CommMessage, Language } from './language.js';
import type { Header, Json, Outgoing } from './message.js';
import type { Outputs } from './outputs.js';

const types = { open: 'comm_open', message: 'comm_msg', close: 'comm_close' } as const;

/** What comms need of the server. */
export interface CommsHost {
  readonly language: Language;
  readonly outputs: Outputs;
  publish(message: Outgoing): void;
}

/** The open comms of a kernel. */
export class Comms {
  readonly #host: CommsHost;
  readonly #targets = new Map<string, string>();
  #received = 0;

  constructor(host: CommsHost) {
    this.#host = host;
    host.language.onComm = (requestId, message) => this.#send(requestId, message);
  }

  /** Target names of the open comms by their ids, of all or of one target. */
  info(target: string | undefined): Record<string, { target_name: string }> {
    const wanted = [...this.#targets].filter(([, name]) => target === undefined || name === target);
    return Object.fromEntries(wanted.map(([id, name]) => [id, { target_name: name }]));
  }

  /** Handles a message of a client; resolves when its handler has ended. */
  async receive(message: CommMessage, header: Header): Promise<void> {
    const { kind, commId, target } = message;
    if (kind === 'open' ? this.#targets.has(commId) : !this.#targets.has(commId)) return;
    if (kind === 'open') this.#targets.set(commId, target ?? '');
    if (kind === 'close') this.#targets.delete(commId);
    this.#received += 1;
    const requestId = `comm-${this.#received}`;
    this.#host.outputs.register(requestId, header, 0, false);
    const known = await this.#host.language.comm(requestId, message);
    if (known || kind === 'close') return;
    this.#targets.delete(commId);
    this.#host.publish({ type: 'comm_close', content: { comm_id: commId, data: {} }, parent: header });
  }

  #send(requestId: string, { kind, commId, target, data, metadata, buffers }: CommMessage): void {
    if (kind === 'open') this.#targets.set(commId, target ?? '');
    else if (!this.#targets.has(commId)) return;
    if (kind === 'close') this.#targets.delete(commId);
    const content: Json = { comm_id: commId, data, ...(kind === 'open' ? { target_name: target } : {}) };
    const parent = this.#host.outputs.parentOf(requestId);
    this.#host.publish({ type: types[kind], content, metadata, buffers, parent });
  }
}
