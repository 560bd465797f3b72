/** inspect_request: answered at once, also while a cell runs. */
import type { Handler } from '../handler.js';
import { text } from '../request.js';
import { cursorOf } from './complete.js';

export const inspect: Handler = async ({ message: { content } }, { language }) => {
  const code = text(content, 'code');
  const detailLevel = content.detail_level === 1 ? 1 : 0;
  const { found, data } = await language.inspect(code, cursorOf(content, code), detailLevel);
  return { type: 'inspect_reply', content: { status: 'ok', found, data: found ? data : {}, metadata: {} } };
};
