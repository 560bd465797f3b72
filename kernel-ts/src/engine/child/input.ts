/**
 * `input()` as a cell sees it: the question goes to the front, the promise settles with the answer. Knows no Jupyter.
 * Surprise: a question of an interrupted cell stays open for ever, because the code behind it must not go on.
 */
import { EngineError } from '../errors.js';
import type { InputAnswer, InputQuestion } from '../types.js';
import { currentCell } from './attribution.js';
import { send } from './output.js';

interface Waiting {
  readonly requestId: string;
  readonly resolve: (text: string) => void;
  readonly reject: (error: EngineError) => void;
}

const waiting = new Map<number, Waiting>();
let asked = 0;

/** Asks the user on behalf of a cell, by default that of the running code. */
export function askUser(question: InputQuestion, requestId = currentCell()?.requestId ?? ''): Promise<string> {
  asked += 1;
  const inputId = asked;
  return new Promise((resolve, reject) => {
    waiting.set(inputId, { requestId, resolve, reject });
    send({ kind: 'input', requestId, inputId, question });
  });
}

/** The front's answer to a question. */
export function answerInput(inputId: number, answer: InputAnswer): void {
  const { resolve, reject } = waiting.get(inputId) ?? {};
  waiting.delete(inputId);
  if (answer.status === 'answered') resolve?.(answer.text);
  else if (answer.why === 'not-allowed') {
    reject?.(new EngineError('cell.input-not-allowed', 'whoever runs this cell takes no input'));
  } else reject?.(new EngineError('cell.input-too-late', 'input was asked for by a cell that has ended'));
}

/** Forgets the questions of an interrupted cell. */
export function dropInputs(requestId: string): void {
  for (const [inputId, question] of waiting) if (question.requestId === requestId) waiting.delete(inputId);
}
