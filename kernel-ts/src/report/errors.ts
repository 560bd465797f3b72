/** Errors of reports. */
import { codedError } from '../coded-error.js';

/** Every code a report throws, with its remedy. */
export const REPORT_ERRORS = {
  'report.not-a-notebook': 'give a Jupyter notebook (.ipynb, nbformat 4); JupyterLab can save one',
  'report.not-a-report': 'give an HTML report that `npulab run --html` wrote, unchanged',
  'report.different-build':
    'check out and build the versions the report names, or give --any-build to compare all the same',
  'report.damaged-attachment': 'take the report as `npulab run --html` wrote it; run the notebook again to attach anew',
  'report.no-attachment':
    'npulab extract REPORT.html lists what a report holds; await lab.report({ …, attach: { name: capture } }) attaches',
  'report.unreadable': 'check the path and that you may read the file',
} as const;

export type ReportErrorCode = keyof typeof REPORT_ERRORS;

/** An error with a code, a cause in words and a remedy. */
export class ReportError extends codedError('ReportError', REPORT_ERRORS) {}
