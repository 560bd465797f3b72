/** complete_request: answered at once, also while a cell runs. Positions are code points on the wire. */
import { toCodePoints, toUtf16 } from '../code-points.js';
import type { Handler } from '../handler.js';
import type { Json } from '../message.js';
import { text } from '../request.js';

/** UTF-16 position of a request's cursor; a missing one is the end of the code. */
export function cursorOf(content: Json, code: string): number {
  const position = content.cursor_pos;
  return typeof position === 'number' && Number.isFinite(position) ? toUtf16(code, position) : code.length;
}

export const complete: Handler = async ({ message: { content } }, { language }) => {
  const code = text(content, 'code');
  const completion = await language.complete(code, cursorOf(content, code));
  const start = toCodePoints(code, completion.start);
  const end = toCodePoints(code, completion.end);
  const types = completion.matches.map((match) => ({ start, end, text: match.text, type: match.type }));
  return {
    type: 'complete_reply',
    content: {
      status: 'ok',
      matches: completion.matches.map((match) => match.text),
      cursor_start: start,
      cursor_end: end,
      metadata: { _jupyter_types_experimental: types },
    },
  };
};
