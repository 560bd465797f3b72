/** Errors of the lab itself; those of the board, the quantizer and the addon pass through unchanged. */
import { codedError } from '../coded-error.js';

/** Every code the lab throws, with its remedy. */
export const LAB_ERRORS = {
  'lab.unknown-corpus': "use lab.corpus('calibration') or lab.corpus('evaluation'), or read a text file of your own",
  'lab.unknown-model': "give 'tiny', or the path of a model folder or file (relative to the notebook's folder)",
  'lab.bits-not-on-board': 'the NPU multiplies int8 only: quantize with bits: 8 to load on a board',
  'lab.attachment-name': 'name attachments and files with letters, digits, dots, dashes and underscores',
  'lab.attachment-too-large':
    'record less (one operator or one task), or keep it beside the report with capture.save(folder); attachLimitBytes raises the limit where no Jupyter server stands in between, as in npulab run',
  'lab.board-closed': 'connect again with lab.connect()',
  'lab.no-trace': 'connect to a board first: await lab.connect()',
} as const;

export type LabErrorCode = keyof typeof LAB_ERRORS;

/** An error with a code, a cause in words and a remedy. */
export class LabError extends codedError('LabError', LAB_ERRORS) {}
