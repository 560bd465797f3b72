/** Errors of the runner. The error of a notebook's cell is not one of them: it is part of the result. */
import { codedError } from '../../coded-error.js';

/** Every code the runner throws, with its remedy. */
export const RUNNER_ERRORS = {
  'runner.unsupported-notebook': 'save the notebook again with a current Jupyter (nbformat 4)',
  'runner.bad-parameter': 'give -p name=value, where name is a TypeScript name and value is JSON or plain text',
  'runner.kernel-start-failed': 'npulab doctor says what is missing; the kernel log names the cause',
  'runner.cell-stuck': 'the kernel was ended; look for a loop that ignores kernel.signal, run again',
  'runner.cell-late': 'give it more time with --timeout, or make its work smaller',
  'runner.unknown-cell': 'name a cell by its id, or by its number among the code cells',
  'runner.kernel-died': 'the kernel log names the cause; run again',
} as const;

export type RunnerErrorCode = keyof typeof RUNNER_ERRORS;

/** The notebook could not be run, or not to its end; nothing about its code. */
export class RunnerError extends codedError('RunnerError', RUNNER_ERRORS) {}
