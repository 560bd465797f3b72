/** Subshell requests: refused; `supported_features` does not announce them. */
import { errorReply, type Handler } from '../request.js';

export const subshell: Handler = ({ message: { header } }) =>
  errorReply(header.msg_type, 'NotSupported', 'this kernel has no subshells');
