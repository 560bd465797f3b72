/**
 * Comms: no target is registered, so every `comm_open` is answered by `comm_close`, on iopub, where front ends look for
 * it (Quarto opens `quarto_kernel_setup` in every kernel). Messages to a comm that does not exist are ignored.
 */
import type { Handler } from '../request.js';

export const commOpen: Handler = ({ message: { content, header } }, scope) => {
  scope.publish('comm_close', { comm_id: content.comm_id ?? '', data: {} }, header);
  return undefined;
};

export const commInfo: Handler = () => ({ type: 'comm_info_reply', content: { status: 'ok', comms: {} } });

export const commIgnored: Handler = () => undefined;
