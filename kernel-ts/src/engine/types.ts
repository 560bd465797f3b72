/**
 * The engine's public shapes. They repeat `protocol/language.ts` structurally on purpose: the engine knows no Jupyter,
 * and whoever composes a kernel (`cli`) relies on TypeScript to prove that an `Engine` is a `Language`.
 */

/** MIME type → content; `text/plain` is always present. */
export type MimeBundle = Record<string, unknown>;

/** One output of a cell, in the order it must be shown. */
export type EngineOutput =
  | { readonly kind: 'stream'; readonly name: 'stdout' | 'stderr'; readonly text: string }
  /** A text that is long, as the UTF-8 bytes of its JSON, quotes included: they are sent as they are. */
  | { readonly kind: 'long-stream'; readonly name: 'stdout' | 'stderr'; readonly json: Uint8Array }
  | {
      readonly kind: 'display';
      readonly data: MimeBundle;
      readonly metadata: Record<string, unknown>;
      readonly displayId?: string;
      readonly update: boolean;
    }
  | { readonly kind: 'result'; readonly data: MimeBundle; readonly metadata: Record<string, unknown> }
  | { readonly kind: 'clear'; readonly wait: boolean };

/** A cell to run. */
export interface CellRequest {
  /** Unique; every output of the cell carries it, also the late ones. */
  readonly requestId: string;
  readonly code: string;
  /** Same id again: the checker sees the new text instead of the old. */
  readonly cellId: string | undefined;
  /** Names the cell in stack frames: `cell 3, line 12`. */
  readonly executionCount: number;
  /** Cells of one subshell take turns; those of different ones run while the others await. The main shell has no name. */
  readonly subshell?: string;
  /** No result is shown. */
  readonly silent: boolean;
  /** Name → expression, evaluated after the cell; none of them fails the cell. */
  readonly userExpressions: Readonly<Record<string, string>>;
}

/** An error as it is shown; plain text, no colour codes. */
export interface ShownError {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** What one user expression gave. */
export type ExpressionOutcome =
  | { readonly status: 'ok'; readonly data: MimeBundle; readonly metadata: Record<string, unknown> }
  | ({ readonly status: 'error' } & ShownError);

/** How a cell ended. */
export type CellOutcome =
  | { readonly status: 'ok'; readonly userExpressions: Readonly<Record<string, ExpressionOutcome>> }
  | ({ readonly status: 'error' } & ShownError);

/** A name that completion may offer, and what it is. */
export interface LiveName {
  readonly text: string;
  readonly type: string;
}

/** Replacements for `[start, end)`, in UTF-16 units. */
export interface CompletionList {
  readonly matches: readonly { readonly text: string; readonly type: string }[];
  readonly start: number;
  readonly end: number;
}

/** What is known about the name under the cursor. */
export interface InspectionResult {
  readonly found: boolean;
  readonly data: MimeBundle;
}

/** Whether a text can run as it stands. */
export interface CompletenessResult {
  readonly status: 'complete' | 'incomplete' | 'invalid' | 'unknown';
  readonly indent?: string;
}

/** What the engine says of itself and its language. */
export interface EngineInfo {
  readonly implementation: string;
  readonly implementationVersion: string;
  readonly banner: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly helpLinks: readonly { readonly text: string; readonly url: string }[];
  readonly name: string;
  readonly version: string;
  readonly mimetype: string;
  readonly fileExtension: string;
  readonly pygmentsLexer: string;
  readonly codemirrorMode: string | Record<string, unknown>;
  readonly nbconvertExporter: string;
}

/** What a cell asks the user. */
export interface InputQuestion {
  readonly prompt: string;
  /** What is typed must not be shown. */
  readonly password: boolean;
}

/** What came of a question. */
export type InputAnswer =
  | { readonly status: 'answered'; readonly text: string }
  | { readonly status: 'refused'; readonly why: 'not-allowed' | 'cell-ended' };

/** What one end of a comm tells the other. */
export interface CommMessage {
  readonly kind: 'open' | 'message' | 'close';
  readonly commId: string;
  /** With `open` alone. */
  readonly target?: string;
  readonly data: Record<string, unknown>;
  readonly metadata: Record<string, unknown>;
  readonly buffers: readonly Uint8Array[];
}

/** What comes with a comm message. */
export interface CommContent {
  readonly data: Record<string, unknown>;
  readonly metadata: Record<string, unknown>;
  readonly buffers: readonly Uint8Array[];
}

/** One channel between a cell and an object in the front end. */
export interface Comm {
  readonly id: string;
  readonly target: string;
  /** False once either end has closed it. */
  readonly isOpen: boolean;
  /** Called for each message of the other end, in their order. */
  onMessage: ((content: CommContent) => unknown) | undefined;
  /** Called once when the other end closes. */
  onClose: ((content: CommContent) => unknown) | undefined;
  /** Sends to the front ends; `data` must be JSON. A closed comm drops it. */
  send(data: object, more?: Partial<CommContent>): void;
  /** Closes this end and tells the other. */
  close(data?: object): void;
}

/** The comms of a kernel, as a cell sees them. */
export interface CommTargets {
  /** Has `handler` called for each comm that a front end opens with this target. The latest handler wins. */
  register(target: string, handler: (comm: Comm, content: CommContent) => unknown): void;
  /** Closes the door of a target; comms that are open stay so. */
  unregister(target: string): void;
  /** Opens a comm to a target of the front end. */
  open(target: string, content?: Partial<CommContent>): Comm;
}

/** An answer of the debugger, as the Debug Adapter Protocol defines it. */
export interface DapResponse {
  readonly seq: number;
  readonly type: 'response';
  readonly request_seq: number;
  readonly success: boolean;
  readonly command: string;
  /** Why it failed, and what to do. */
  readonly message?: string;
  readonly body?: object;
}

/** Something that the debugger tells unasked. */
export interface DapEvent {
  readonly seq: number;
  readonly type: 'event';
  readonly event: string;
  readonly body?: object;
}

/** TypeScript cells: checked in this process, evaluated in a child process. Satisfies `protocol`'s `Language`. */
export interface Engine {
  readonly info: EngineInfo;
  /** Receives every output, also between and after cells. Set it before the first cell. */
  onOutput: (requestId: string, output: EngineOutput) => void;
  /** Set like `onOutput`. Asks the user for a running cell; an abort takes the question back. */
  onInput: (requestId: string, question: InputQuestion, signal: AbortSignal) => Promise<InputAnswer>;
  /** Starts what runs and checks cells, in the background, where `startsLater` has put it off. Harmless twice. */
  start(): void;
  /** Runs cells in the order of the calls. Resolves after the cell's outputs were given to `onOutput`; does not reject. */
  execute(request: CellRequest): Promise<CellOutcome>;
  /** Hands over a comm message of a client; outputs of its handler carry `requestId`. Resolves when the handler has ended; false: nobody knows the target or the comm. */
  comm(requestId: string, message: CommMessage): Promise<boolean>;
  /** Set like `onOutput`. Sends a comm message to the clients; `requestId` names what caused it. */
  onComm: (requestId: string, message: CommMessage) => void;
  /** Names that fit at `cursor` (UTF-16 units). Answers while a cell spins. */
  complete(code: string, cursor: number): Promise<CompletionList>;
  /** Signature and documentation of the name at `cursor`, as plain text and Markdown. Answers while a cell spins. */
  inspect(code: string, cursor: number, detailLevel: 0 | 1): Promise<InspectionResult>;
  /** Whether `code` can run, needs more lines, or is past mending. */
  isComplete(code: string): Promise<CompletenessResult>;
  /** Answers a request of the Debug Adapter Protocol, also while a cell runs, spins or is stopped. Never rejects. */
  debug(request: Record<string, unknown>): Promise<DapResponse>;
  /** Set like `onOutput`. Receives what the debugger tells unasked. */
  onDebugEvent: (event: DapEvent) => void;
  /** Stops the running cell and keeps the variables; what cannot be stopped ends with a new child process. */
  interrupt(): Promise<void>;
  /** Ends every process the engine started; also while a cell spins. Idempotent. */
  shutdown(): Promise<void>;
  /** Throws the child process away and starts a new one: all variables are gone. The running cell ends with an error. */
  restart(): Promise<void>;
}
