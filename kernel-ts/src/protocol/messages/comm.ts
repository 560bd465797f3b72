/** comm_open, comm_msg, comm_close and comm_info_request. The first three have no reply: what is wrong with them is logged. */

import type { Handler } from '../handler.js';
import type { CommMessage } from '../language.js';
import type { Json, Message } from '../message.js';
import { InvalidRequest, text } from '../request.js';

const kinds: Readonly<Record<string, CommMessage['kind']>> = {
  comm_open: 'open',
  comm_msg: 'message',
  comm_close: 'close',
};

export const comm: Handler = async ({ message }, scope) => {
  await scope.comms.receive(parseComm(message), message.header);
  return undefined;
};

export const commInfo: Handler = ({ message: { content } }, { comms }) => {
  const target = typeof content.target_name === 'string' ? content.target_name : undefined;
  return { type: 'comm_info_reply', content: { status: 'ok', comms: comms.info(target) } };
};

function parseComm({ header, content, metadata, buffers }: Message): CommMessage {
  const kind = kinds[header.msg_type] as CommMessage['kind'];
  const commId = text(content, 'comm_id');
  const data = content.data ?? {};
  if (typeof data !== 'object' || Array.isArray(data)) throw new InvalidRequest('data is no object');
  const target = kind === 'open' ? { target: text(content, 'target_name') } : {};
  return { kind, commId, data: data as Json, metadata, buffers, ...target };
}
