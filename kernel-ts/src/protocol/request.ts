/**
 * One request as the handlers see it, and what they may use. Every message family is one file in `messages/`.
 */
import type { Comms } from './comms.js';
import type { History } from './history/history.js';
import type { Language } from './language.js';
import type { Json, Message } from './message.js';
import type { Subshells } from './subshells.js';

/** A request on shell or control. */
export interface Request {
  readonly channel: 'shell' | 'control';
  readonly message: Message;
}

/** A reply on the request's own channel. */
export interface Reply {
  readonly type: string;
  readonly content: Json;
}

/** What a handler may use. */
export interface Scope {
  readonly language: Language;
  readonly history: History;
  readonly comms: Comms;
  readonly subshells: Subshells;
  /** Publishes on iopub with the given parent header. */
  publish(type: string, content: Json, parent: Json): void;
  /** Stops the running cell; calls that come while one is under way share its effect. */
  interrupt(): Promise<void>;
  /** Ends the kernel once the reply has been sent. */
  requestShutdown(restart: boolean): void;
}

/** Answers one message type; `undefined` means that the message has no reply. May throw: the reply is an error then. */
export type Handler = (request: Request, scope: Scope) => Promise<Reply | undefined> | Reply | undefined;

/** A request whose content breaks the message's definition. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest';
}

/** Content of a reply of `status: error`. */
export function errorContent(ename: string, evalue: string, traceback: readonly string[] = []): Json {
  return { status: 'error', ename, evalue, traceback: traceback.length > 0 ? traceback : [`${ename}: ${evalue}`] };
}

/** The reply to a request that failed or is refused. */
export function errorReply(requestType: string, ename: string, evalue: string): Reply {
  return { type: replyType(requestType), content: errorContent(ename, evalue) };
}

/** `execute_request` → `execute_reply`. */
export function replyType(requestType: string): string {
  return requestType.replace(/_request$/, '_reply');
}

/** A string field of a request's content. */
export function text(content: Json, field: string): string {
  const value = content[field];
  if (typeof value !== 'string') throw new InvalidRequest(`${field} is no string`);
  return value;
}

/** A boolean field of a request's content; other types count as `fallback`. */
export function flag(content: Json, field: string, fallback: boolean): boolean {
  const value = content[field];
  return typeof value === 'boolean' ? value : fallback;
}
