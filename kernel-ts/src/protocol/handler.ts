/** What answers a message type, and what it may use. Every message family is one file in `messages/`. */
import type { Comms } from './comms.js';
import type { ChannelName } from './connection-file.js';
import type { History } from './history/history.js';
import type { Language } from './language.js';
import type { Json } from './message.js';
import type { Reply, Request } from './request.js';
import type { Subshells } from './subshells.js';

/** What a handler may use. */
export interface Scope {
  readonly language: Language;
  readonly history: History;
  readonly comms: Comms;
  readonly subshells: Subshells;
  /** Where each socket is bound; the suffix of its path with ipc. */
  ports(): Readonly<Record<ChannelName, number>>;
  /** Publishes on iopub with the given parent header. */
  publish(type: string, content: Json, parent: Json): void;
  /** Events of the debugger belong to the request with this header from now on. */
  debugFor(header: Json): void;
  /** Stops the running cell; calls that come while one is under way share its effect. */
  interrupt(): Promise<void>;
  /** Ends the kernel once the reply has been sent. */
  requestShutdown(restart: boolean): void;
}

/** Answers one message type; `undefined` means that the message has no reply. May throw: the reply is an error then. */
export type Handler = (request: Request, scope: Scope) => Promise<Reply | undefined> | Reply | undefined;
