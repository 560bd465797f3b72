/** connect_request: the ports that the client has connected to already. Deprecated since 5.1, and still asked. */
import type { Handler } from '../handler.js';

export const connect: Handler = (_request, { ports }) => {
  const named = Object.entries(ports()).map(([name, port]) => [`${name}_port`, port]);
  return { type: 'connect_reply', content: { status: 'ok', ...Object.fromEntries(named) } };
};
