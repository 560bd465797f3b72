/** create_subshell_request, list_subshell_request, delete_subshell_request; on control alone, where they wait for nothing. */
import type { Handler } from '../handler.js';
import { errorReply, text } from '../request.js';

const onControl =
  (handler: Handler): Handler =>
  (request, scope) =>
    request.channel === 'control'
      ? handler(request, scope)
      : errorReply(request.message.header.msg_type, 'WrongChannel', 'subshells are managed on control');

export const createSubshell: Handler = onControl((_request, { subshells }) => ({
  type: 'create_subshell_reply',
  content: { status: 'ok', subshell_id: subshells.create() },
}));

export const listSubshells: Handler = onControl((_request, { subshells }) => ({
  type: 'list_subshell_reply',
  content: { status: 'ok', subshell_id: subshells.ids },
}));

export const deleteSubshell: Handler = onControl(({ message: { header, content } }, { subshells }) => {
  const id = text(content, 'subshell_id');
  return subshells.remove(id)
    ? { type: 'delete_subshell_reply', content: { status: 'ok' } }
    : errorReply(header.msg_type, 'UnknownSubshell', `no subshell ${id}`);
});
