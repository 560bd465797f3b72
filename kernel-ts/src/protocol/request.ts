/** One request, one reply, and the errors that answer a request. Refuses to know who handles it. */
import type { Json, Message } from './message.js';

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
