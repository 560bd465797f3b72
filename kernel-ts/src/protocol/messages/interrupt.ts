/** interrupt_request: the same effect as SIGINT to the kernel process, once. */
import type { Handler } from '../handler.js';

export const interrupt: Handler = async (_request, scope) => {
  await scope.interrupt();
  return { type: 'interrupt_reply', content: { status: 'ok' } };
};
