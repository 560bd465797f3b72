/** history_request: nothing is recorded yet, so the history is truthfully empty. */
import type { Handler } from '../request.js';

export const history: Handler = () => ({ type: 'history_reply', content: { status: 'ok', history: [] } });
