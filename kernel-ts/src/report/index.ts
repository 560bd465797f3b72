export { type AttachmentList, attachedFiles } from './attachment.js';
export { buildsHere } from './builds.js';
export { type CellDigest, canonical, digestsOf } from './digest.js';
export { REPORT_ERRORS, ReportError, type ReportErrorCode } from './errors.js';
export { type Cell, type Notebook, notebookOf, type Output, withoutOutputs } from './notebook.js';
export { type ReportRecord, recordOf } from './provenance.js';
export { type RenderOptions, renderReport } from './render.js';
export { checkBuilds, compareRuns, type Difference, recordIn, type Verification } from './verify.js';
