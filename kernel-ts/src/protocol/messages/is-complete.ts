/** is_complete_request: may the console run this text? `indent` goes only with `incomplete`. */
import type { Handler } from '../handler.js';
import { text } from '../request.js';

export const isComplete: Handler = async ({ message: { content } }, { language }) => {
  const { status, indent } = await language.isComplete(text(content, 'code'));
  const more = status === 'incomplete' ? { indent: indent ?? '' } : {};
  return { type: 'is_complete_reply', content: { status, ...more } };
};
