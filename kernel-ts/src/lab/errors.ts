/** Errors of the lab itself; those of the board, the quantizer and the addon pass through unchanged. */
import { codedError } from '../coded-error.js';

/** Every code the lab throws, with its remedy. */
export const LAB_ERRORS = {
  'lab.unknown-corpus': "use lab.corpus('calibration') or lab.corpus('evaluation'), or read a text file of your own",
  'lab.unknown-model': "give 'tiny', or the path of a model folder or file (relative to the notebook's folder)",
  'lab.bits-not-on-board': 'the NPU multiplies int8 only: quantize with bits: 8 to load on a board',
  'lab.board-closed': 'connect again with lab.connect()',
} as const;

export type LabErrorCode = keyof typeof LAB_ERRORS;

/** An error with a code, a cause in words and a remedy. */
export class LabError extends codedError('LabError', LAB_ERRORS) {}
