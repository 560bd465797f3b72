/**
 * execute_request and execute_reply: fields and their defaults. Who runs when is the executor's business.
 */
import type { ExecuteOutcome } from '../language.js';
import type { Json, Message } from '../message.js';
import { errorContent, InvalidRequest, text } from '../request.js';

/** A checked execute_request. */
export interface ExecuteContent {
  readonly code: string;
  readonly silent: boolean;
  /** False when silent, whatever the request says. */
  readonly storeHistory: boolean;
  readonly stopOnError: boolean;
  /** The cell may ask the user. */
  readonly allowStdin: boolean;
  readonly userExpressions: Readonly<Record<string, string>>;
  /** The notebook's id of the cell (JupyterLab sends it in the metadata). */
  readonly cellId: string | undefined;
}

/** @throws InvalidRequest naming the field. */
export function parseExecute(message: Message): ExecuteContent {
  const { content, metadata } = message;
  const silent = content.silent === true;
  const expressions = content.user_expressions ?? {};
  if (typeof expressions !== 'object' || Array.isArray(expressions)) {
    throw new InvalidRequest('user_expressions is no object');
  }
  for (const [name, code] of Object.entries(expressions)) {
    if (typeof code !== 'string') throw new InvalidRequest(`user_expressions.${name} is no string`);
  }
  return {
    code: text(content, 'code'),
    silent,
    storeHistory: !silent && content.store_history !== false,
    stopOnError: content.stop_on_error !== false,
    allowStdin: content.allow_stdin !== false,
    userExpressions: expressions as Record<string, string>,
    cellId: typeof metadata.cellId === 'string' && metadata.cellId !== '' ? metadata.cellId : undefined,
  };
}

/** Content of the reply to a cell that has run. */
export function executeReply(outcome: ExecuteOutcome, executionCount: number): Json {
  if (outcome.status === 'ok') {
    const { userExpressions } = outcome;
    return { status: 'ok', execution_count: executionCount, user_expressions: userExpressions, payload: [] };
  }
  const error = errorContent(outcome.ename, outcome.evalue, outcome.traceback);
  return { ...error, execution_count: executionCount, user_expressions: {}, payload: [] };
}
