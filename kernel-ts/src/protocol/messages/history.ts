/** history_request: tail, range and search over what was typed, in this session and in earlier ones. */

import type { Handler } from '../handler.js';
import { type HistoryEntry, range, search, tail } from '../history/history.js';
import type { Json } from '../message.js';
import { flag, InvalidRequest } from '../request.js';

export const history: Handler = async ({ message: { content } }, scope) => {
  const past = await scope.history.past();
  const withOutput = flag(content, 'output', false);
  const rows = select(content, past).map(({ session, line, input, output }) =>
    withOutput ? [session, line, [input, output ?? null]] : [session, line, input],
  );
  return { type: 'history_reply', content: { status: 'ok', history: rows } };
};

function select(content: Json, past: Parameters<typeof tail>[0]): HistoryEntry[] {
  switch (content.hist_access_type) {
    case 'tail':
      return tail(past, integer(content, 'n') ?? 10);
    case 'range':
      return range(past, integer(content, 'session') ?? 0, integer(content, 'start') ?? 1, integer(content, 'stop'));
    case 'search': {
      const { pattern = '*' } = content;
      if (typeof pattern !== 'string') throw new InvalidRequest('pattern is no string');
      return search(past, pattern, integer(content, 'n'), flag(content, 'unique', false));
    }
    default:
      throw new InvalidRequest('hist_access_type is tail, range or search');
  }
}

/** An integer of the request; null and absent are the same. */
function integer(content: Json, field: string): number | undefined {
  const value = content[field] ?? undefined;
  if (value !== undefined && !Number.isSafeInteger(value)) throw new InvalidRequest(`${field} is no integer`);
  return value as number | undefined;
}
