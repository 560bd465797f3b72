/** shutdown_request: answered, told to everybody on iopub, then the kernel ends. */
import type { Handler } from '../handler.js';
import { flag } from '../request.js';

export const shutdown: Handler = ({ message }, scope) => {
  const restart = flag(message.content, 'restart', false);
  const content = { status: 'ok', restart };
  scope.publish('shutdown_reply', content, message.header);
  scope.requestShutdown(restart);
  return { type: 'shutdown_reply', content };
};
