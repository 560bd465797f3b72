/** Runs notebooks without a front end. */
export { connectClient, type KernelClient } from './client.js';
export { markError, withoutMarks } from './error-marker.js';
export { RUNNER_ERRORS, RunnerError, type RunnerErrorCode } from './errors.js';
export { kernelCommand, startKernel } from './kernel-process.js';
export { formatNotebook, parseNotebook } from './notebook-file.js';
export {
  type Parameters,
  type ParameterValue,
  parseParameter,
  parseParameterText,
  unknownParameters,
} from './parameters.js';
export { cellAt, firstOpen, withEarlierOutputs } from './resume.js';
export {
  type CellError,
  type CellProgress,
  kernelspecMetadata,
  type RunOptions,
  type RunResult,
  runNotebook,
} from './run.js';
