/** debug_request: refused, in the form both Jupyter and the Debug Adapter Protocol understand. */
import type { Handler } from '../handler.js';
import { errorContent } from '../request.js';

export const debug: Handler = ({ message: { content } }) => ({
  type: 'debug_reply',
  content: {
    ...errorContent('NotSupported', 'this kernel has no debugger'),
    type: 'response',
    seq: 0,
    request_seq: typeof content.seq === 'number' ? content.seq : 0,
    command: typeof content.command === 'string' ? content.command : '',
    success: false,
    message: 'this kernel has no debugger',
  },
});
