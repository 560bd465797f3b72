/**
 * debug_request: the Debug Adapter Protocol in an envelope. A language without a debugger refuses it in the form that both
 * Jupyter and that protocol understand.
 */
import type { Handler } from '../handler.js';
import { errorContent } from '../request.js';

const refusal = 'this kernel has no debugger';

export const debug: Handler = async ({ message: { content, header } }, scope) => {
  if (scope.language.debug !== undefined) {
    scope.debugFor(header);
    return { type: 'debug_reply', content: { ...(await scope.language.debug(content)) } };
  }
  return {
    type: 'debug_reply',
    content: {
      ...errorContent('NotSupported', refusal),
      type: 'response',
      seq: 0,
      request_seq: typeof content.seq === 'number' ? content.seq : 0,
      command: typeof content.command === 'string' ? content.command : '',
      success: false,
      message: refusal,
    },
  };
};
