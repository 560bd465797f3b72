/**
 * Every error code this folder throws, with its remedy. Knows no cause in particular: the thrower adds it.
 */
import { codedError } from '../coded-error.js';

/** Host error code → what the reader should do. */
export const protocolRemedies = {
  'protocol.connection-file-unreadable': 'Check the path: Jupyter writes the file and names it on the command line.',
  'protocol.connection-file-invalid': 'Let Jupyter write the connection file, or correct the field that is named.',
  'protocol.cannot-bind': 'Another process holds the address, or it is not ours: start the kernel again.',
  'protocol.not-registered':
    'The launcher that asked for a handshake must answer it; start the kernel again from there.',
  'protocol.bad-message': 'The sender broke the Jupyter message format; the message was dropped.',
  'protocol.bad-signature': "The sender does not know the connection file's key; the message was dropped.",
  'protocol.replayed': 'The same signed message came twice; the second one was dropped.',
} as const;

/** Codes of {@link ProtocolError}. */
export type ProtocolErrorCode = keyof typeof protocolRemedies;

/** A failure of the Jupyter side, never of the user's code. */
export class ProtocolError extends codedError('ProtocolError', protocolRemedies) {}
