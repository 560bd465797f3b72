/** Message type → handler. `execute_request` is not here: it alone waits for its turn (`executor.ts`). */
import type { Handler } from '../handler.js';
import { comm, commInfo } from './comm.js';
import { complete } from './complete.js';
import { connect } from './connect.js';
import { debug } from './debug.js';
import { history } from './history.js';
import { inspect } from './inspect.js';
import { interrupt } from './interrupt.js';
import { isComplete } from './is-complete.js';
import { kernelInfo } from './kernel-info.js';
import { shutdown } from './shutdown.js';
import { createSubshell, deleteSubshell, listSubshells } from './subshell.js';

export const handlers: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['kernel_info_request', kernelInfo],
  ['connect_request', connect],
  ['complete_request', complete],
  ['inspect_request', inspect],
  ['is_complete_request', isComplete],
  ['interrupt_request', interrupt],
  ['shutdown_request', shutdown],
  ['history_request', history],
  ['comm_open', comm],
  ['comm_msg', comm],
  ['comm_close', comm],
  ['comm_info_request', commInfo],
  ['debug_request', debug],
  ['create_subshell_request', createSubshell],
  ['list_subshell_request', listSubshells],
  ['delete_subshell_request', deleteSubshell],
]);
