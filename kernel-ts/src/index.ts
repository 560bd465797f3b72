/** What other programs may use of the kernel: run a notebook headless, render and prove its report, the types of a cell's names. */
export type { Lab, LabBoard, LabLoadedModel, LabSession } from './lab/index.js';
export {
  checkBuilds,
  compareRuns,
  type Notebook,
  type ReportRecord,
  recordIn,
  renderReport,
  type Verification,
} from './report/index.js';
export { type RunOptions, type RunResult, runNotebook } from './report/runner/index.js';
export { version } from './version.js';
