/**
 * A Jupyter message and its frames: `identities… <IDS|MSG> signature header parent metadata content buffers…`.
 * Knows the envelope, refuses to know any content. The header is kept as it came, because replies echo it whole.
 */
import { ProtocolError } from './errors.js';
import type { Signer } from './signature.js';

/** Protocol version this kernel speaks. */
export const protocolVersion = '5.5';

/** Parts routing identities from the message. */
export const delimiter = Buffer.from('<IDS|MSG>');

/** A JSON object as it came. */
export type Json = Record<string, unknown>;

/** Header of a message; other fields of the sender are kept. */
export interface Header extends Json {
  readonly msg_id: string;
  readonly msg_type: string;
}

/** A received message whose signature and header have been checked. */
export interface Message {
  /** Routing frames before the delimiter, to be echoed in front of the reply. */
  readonly identities: readonly Uint8Array[];
  readonly header: Header;
  readonly parentHeader: Json;
  readonly metadata: Json;
  readonly content: Json;
  readonly buffers: readonly Uint8Array[];
}

/** What a kernel says. */
export interface Outgoing {
  /** Message id; one is made where it is left out. */
  readonly id?: string;
  readonly type: string;
  /** An object, or its JSON in UTF-8. */
  readonly content: Json | Uint8Array;
  /** Header of the request that this belongs to; none gives an empty object. */
  readonly parent?: Json;
  readonly metadata?: Json;
  readonly buffers?: readonly Uint8Array[];
}

/**
 * Takes a message apart and checks it.
 *
 * @throws ProtocolError `protocol.bad-message`, `protocol.bad-signature`, `protocol.replayed`.
 */
export function decode(frames: readonly Buffer[], signer: Signer): Message {
  const at = frames.findIndex((frame) => frame.equals(delimiter));
  if (at < 0) throw bad('no <IDS|MSG> delimiter');
  const [signature, header, parent, metadata, content, ...buffers] = frames.slice(at + 1);
  if (!signature || !header || !parent || !metadata || !content) throw bad(`${frames.length - at - 1} frames, not 5`);
  signer.accept(signature, [header, parent, metadata, content]);
  const head = object(header, 'header');
  for (const field of ['msg_id', 'msg_type']) {
    if (typeof head[field] !== 'string' || head[field] === '') throw bad(`header has no ${field}`);
  }
  return {
    identities: frames.slice(0, at),
    header: head as Header,
    parentHeader: object(parent, 'parent_header'),
    metadata: object(metadata, 'metadata'),
    content: object(content, 'content'),
    buffers,
  };
}

/** Writes messages under one session id that is the kernel's own. */
export class Writer {
  /** The kernel's session id, in every header it sends. */
  readonly session: string;
  readonly #signer: Signer;
  readonly #username: string;
  readonly #now: () => Date;
  #count = 0;

  constructor(signer: Signer, options: { session: string; username: string; now?: () => Date }) {
    this.#signer = signer;
    this.session = options.session;
    this.#username = options.username;
    this.#now = options.now ?? (() => new Date());
  }

  /** Frames of a message, `identities` (or the iopub topic) first. */
  encode(identities: readonly (Uint8Array | string)[], message: Outgoing): (Uint8Array | string)[] {
    this.#count += 1;
    const header = {
      msg_id: message.id ?? `${this.session}_${this.#count}`,
      msg_type: message.type,
      username: this.#username,
      session: this.session,
      date: this.#now().toISOString(),
      version: protocolVersion,
    };
    const parts = [header, message.parent ?? {}, message.metadata ?? {}, message.content];
    return toFrames(this.#signer, identities, parts, message.buffers);
  }
}

/** Frames of header, parent header, metadata and content (or their JSON), signed; `buffers` follow as they are. */
export function toFrames(
  signer: Signer,
  identities: readonly (Uint8Array | string)[],
  parts: readonly object[],
  buffers: readonly Uint8Array[] = [],
): (Uint8Array | string)[] {
  const texts = parts.map((part) => (part instanceof Uint8Array ? part : bytesOnce(JSON.stringify(part))));
  return [...identities, delimiter, signer.sign(texts), ...texts, ...buffers];
}

/** A long text as the bytes that are signed and sent: as text it would be encoded for each of the two. */
function bytesOnce(text: string): Uint8Array | string {
  return text.length < 16 * 1024 ? text : Buffer.from(text);
}

function object(frame: Buffer, name: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(frame.toString('utf8'));
  } catch (cause) {
    throw new ProtocolError('protocol.bad-message', `${name} is not JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`${name} is no object`);
  return value as Json;
}

function bad(what: string): ProtocolError {
  return new ProtocolError('protocol.bad-message', what);
}
