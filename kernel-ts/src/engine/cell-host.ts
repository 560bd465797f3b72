/**
 * The seam between the engine and whoever supplies a cell's globals. The engine loads one module in its child process
 * (`EngineOptions.globalsModule`), which must export `createCellGlobals`. `cli` names that module; the engine never
 * imports `display` or `lab`.
 */

import type { CommTargets } from './types.js';

/** MIME type → content; `text/plain` always present. */
export type Bundle = Record<string, unknown>;

/** What the engine lends to the globals, on the child's main thread. */
export interface CellHost {
  /**
   * Emits a display for the cell that is running, or for the cell whose code called (timers, promises).
   * `update` replaces the display of the same `displayId`.
   */
  display(data: Bundle, options?: { displayId?: string; update?: boolean; metadata?: Record<string, unknown> }): void;
  /** Removes the cell's outputs; with `wait`, when the next one arrives. */
  clearOutput(wait: boolean): void;
  /** Asks the user; rejects with `cell.input-not-allowed` where nobody can be asked. */
  input(question: { prompt: string; password: boolean }): Promise<string>;
  /** Channels to objects in the front end. */
  readonly comms: CommTargets;
  /** Keeps the cell open until the promise settles: for displays that are computed asynchronously. */
  hold(work: Promise<unknown>): void;
  /** Aborts when the running cell is interrupted. A new one for each cell. */
  readonly signal: AbortSignal;
  /** Number of the running cell, 0 between cells. */
  readonly executionCount: number;
  /** Settings a cell may change: the kernel's name for them is `kernel`. */
  readonly settings: CellSettings;
  /** Folder that relative paths and imports start from. */
  readonly folder: string;
}

export interface CellSettings {
  /** What a type error does: stop the cell, warn on stderr, nothing. */
  check: 'error' | 'warn' | 'off';
}

/** What the globals module gives back. */
export interface CellGlobals {
  /** Names a cell sees, each typed in the declarations file (`EngineOptions.globalsTypes`); all can be shadowed. */
  readonly names: Readonly<Record<string, unknown>>;
  /** Turns the value of a last expression into a bundle; undefined means "no rich form": the engine prints it. */
  present(value: unknown): Promise<Bundle | undefined>;
  /** Modules that cells import by name, whatever is installed; their types: `EngineOptions.moduleTypes`. */
  readonly modules?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Lines after the message of an error, for example `code: …` and `remedy: …`. */
  explain(error: unknown): readonly string[];
  /** Folders of the globals' own code: tracebacks leave their frames out. */
  readonly internals: readonly string[];
  /** Ends what the globals opened (board sessions, workers). At most 2 s. */
  dispose(): Promise<void>;
}

/** Shape of the globals module. */
export interface GlobalsModule {
  createCellGlobals(host: CellHost): Promise<CellGlobals>;
}

/** Where the engine writes what is not for a cell. */
export interface EngineLog {
  readonly path: string;
  write(line: string): void;
}

/** How to start an engine. */
export interface EngineOptions {
  /** `file:` URL of the module that exports `createCellGlobals`; none means bare Node globals. */
  readonly globalsModule?: string;
  /** Declarations (`.d.ts`) of the names in it, as an absolute path. */
  readonly globalsTypes?: string;
  /** Module name → declarations (`.d.ts`) of the modules that the globals provide, as absolute paths. */
  readonly moduleTypes?: Readonly<Record<string, string>>;
  /** The notebook's folder. */
  readonly folder: string;
  readonly check: CellSettings['check'];
  /** No process is started before `Engine.start` is called or the first cell comes. */
  readonly startsLater?: boolean;
  /** The kernel's log: what the engine itself suffers goes there, and errors name the file. */
  readonly log: EngineLog;
}
