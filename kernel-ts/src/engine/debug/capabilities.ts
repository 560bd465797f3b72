/** What this debugger can do, as `initialize` says it. Announces only what a test holds. */

/** Filters of `setExceptionBreakpoints`. */
export const EXCEPTION_FILTERS = [
  { filter: 'raised', label: 'Raised exceptions', description: 'Stop where anything is thrown.', default: false },
  { filter: 'uncaught', label: 'Uncaught exceptions', description: 'Stop where nothing catches.', default: false },
] as const;

export const CAPABILITIES = {
  supportsConfigurationDoneRequest: true,
  supportsConditionalBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsLogPoints: true,
  supportsEvaluateForHovers: true,
  supportsClipboardContext: true,
  supportsSetVariable: true,
  supportsSetExpression: true,
  supportsModulesRequest: true,
  supportsLoadedSourcesRequest: true,
  supportsExceptionInfoRequest: true,
  supportsTerminateRequest: true,
  supportTerminateDebuggee: true,
  supportsDelayedStackTraceLoading: true,
  exceptionBreakpointFilters: EXCEPTION_FILTERS,
} as const;
