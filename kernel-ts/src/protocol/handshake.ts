/**
 * Handshake of JEP 66: a launcher that gives no ports is told which ones the kernel has bound, and acknowledges. Knows the
 * two dialects in use; refuses to know who binds. Surprising: the documented form is no Jupyter message, it is one signed
 * frame of content, with the ports as strings.
 *
 * | dialect | told by | socket | what travels |
 * |---|---|---|---|
 * | documented (xeus) | `registration_ip` | DEALER | `<IDS\|MSG>` signature content; the ack alike |
 * | message (ark) | `registration_port` beside `ip` | REQ | `handshake_request`, ports as numbers; `handshake_reply` |
 */
import type { ChannelName, Registration } from './connection-file.js';
import { ProtocolError } from './errors.js';
import { decode, delimiter, type Writer } from './message.js';
import type { Signer } from './signature.js';
import { Dealer, Request } from './zeromq.js';

/** How long a launcher may take to acknowledge; a kernel that nobody knows must not live on. */
export const acknowledgeWithinMs = 5000;

/** What the launcher needs to know, and how to sign it. */
export interface Registrant {
  readonly ports: Readonly<Record<ChannelName, number>>;
  readonly signer: Signer;
  readonly writer: Writer;
}

/**
 * Tells the launcher the ports and waits for its acknowledgement.
 *
 * @throws ProtocolError `protocol.not-registered` when none comes, or one that is signed wrongly.
 */
export async function register(
  registration: Registration,
  registrant: Registrant,
  withinMs = acknowledgeWithinMs,
): Promise<void> {
  const options = { linger: 0, receiveTimeout: withinMs, sendTimeout: withinMs };
  const socket = registration.dialect === 'documented' ? new Dealer(options) : new Request(options);
  try {
    socket.connect(registration.endpoint);
    if (registration.dialect === 'documented') await tell(socket, registration.kernelId, registrant);
    else await ask(socket, registrant);
  } catch (cause) {
    const why = `the launcher at ${registration.endpoint} did not acknowledge: ${(cause as Error).message}`;
    throw new ProtocolError('protocol.not-registered', why, { cause });
  } finally {
    socket.close();
  }
}

function fields<T>(ports: Registrant['ports'], show: (port: number) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [`${name}_port`, show(port)]));
}

async function tell(socket: Dealer | Request, kernelId: string, { ports, signer }: Registrant): Promise<void> {
  const content = JSON.stringify({ kernel_id: kernelId, ...fields(ports, String) });
  await socket.send([delimiter, signer.sign([content]), content]);
  const frames = await socket.receive();
  const at = frames.findIndex((frame) => frame.equals(delimiter));
  const [signature, acknowledged] = frames.slice(at + 1);
  if (at < 0 || !signature || !acknowledged) throw new Error('the answer is no signed content');
  signer.accept(signature, [acknowledged]);
}

async function ask(socket: Dealer | Request, { ports, signer, writer }: Registrant): Promise<void> {
  await socket.send(writer.encode([], { type: 'handshake_request', content: fields(ports, Number) }));
  const { header, content } = decode(await socket.receive(), signer);
  if (header.msg_type !== 'handshake_reply' || content.status !== 'ok') {
    throw new Error(`the answer is ${header.msg_type} with status ${JSON.stringify(content.status)}`);
  }
}
