/** The engine: TypeScript cells in, outputs out. Knows no Jupyter, no display, no board. */
export type { Bundle, CellGlobals, CellHost, CellSettings, EngineOptions, GlobalsModule } from './cell-host.js';
export { createEngine } from './engine.js';
export { ENGINE_ERRORS, EngineError, type EngineErrorCode } from './errors.js';
export type {
  CellOutcome,
  CellRequest,
  CompletenessResult,
  CompletionList,
  Engine,
  EngineInfo,
  EngineOutput,
  ExpressionOutcome,
  InspectionResult,
  MimeBundle,
  ShownError,
} from './types.js';
