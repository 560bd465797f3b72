/**
 * What the Jupyter side asks of a language. `protocol` knows no language; whoever composes a kernel (`cli`) hands it
 * an object of this shape. The engine satisfies it without importing it, and so does the echo language of the tests.
 */

/** MIME type → content. `text/plain` is always present in what a language emits. */
export type MimeBundle = Record<string, unknown>;

/** One output of a running or finished request, in the order it must reach the front end. */
export type LanguageOutput =
  | { readonly kind: 'stream'; readonly name: 'stdout' | 'stderr'; readonly text: string }
  /** A text that is long, as the UTF-8 bytes of its JSON, quotes included: they are sent as they are. */
  | { readonly kind: 'long-stream'; readonly name: 'stdout' | 'stderr'; readonly json: Uint8Array }
  | {
      readonly kind: 'display';
      readonly data: MimeBundle;
      readonly metadata: Record<string, unknown>;
      /** Names the display so that a later `update` can replace it. */
      readonly displayId?: string;
      /** True for `update_display_data`: needs `displayId`. */
      readonly update: boolean;
    }
  | { readonly kind: 'result'; readonly data: MimeBundle; readonly metadata: Record<string, unknown> }
  | { readonly kind: 'clear'; readonly wait: boolean };

/** A cell to run. */
export interface ExecuteRequest {
  /** Unique; every output carries it, also those that appear after the cell has ended. */
  readonly requestId: string;
  readonly code: string;
  /** The notebook's id of the cell, where the front end sends one: the same id again replaces the older text. */
  readonly cellId: string | undefined;
  /** Number shown beside the cell; also names the cell in stack frames (`cell 3, line 12`). */
  readonly executionCount: number;
  /** Cells of one subshell take turns; those of different ones run while the others await. The main shell has no name. */
  readonly subshell?: string;
  readonly silent: boolean;
  readonly userExpressions: Readonly<Record<string, string>>;
}

/** An error as Jupyter shows it; `traceback` lines carry no colour codes when `NO_COLOR` is set. */
export interface LanguageError {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

export type UserExpression =
  | { readonly status: 'ok'; readonly data: MimeBundle; readonly metadata: Record<string, unknown> }
  | ({ readonly status: 'error' } & LanguageError);

export type ExecuteOutcome =
  | { readonly status: 'ok'; readonly userExpressions: Readonly<Record<string, UserExpression>> }
  | ({ readonly status: 'error' } & LanguageError);

export interface Completion {
  /** Replacements for `[start, end)`. Offsets are UTF-16 units; `protocol` converts to code points. */
  readonly matches: readonly { readonly text: string; readonly type: string }[];
  readonly start: number;
  readonly end: number;
}

export interface Inspection {
  readonly found: boolean;
  readonly data: MimeBundle;
}

export interface Completeness {
  readonly status: 'complete' | 'incomplete' | 'invalid' | 'unknown';
  readonly indent?: string;
}

/** What kernel_info says of the language and its implementation. */
export interface LanguageInfo {
  readonly implementation: string;
  readonly implementationVersion: string;
  readonly banner: string;
  /** Name → version of what answers here; shown in kernel_info. */
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

/** An answer of the debugger, as the Debug Adapter Protocol defines it. */
export interface DebugResponse {
  readonly seq: number;
  readonly type: 'response';
  readonly request_seq: number;
  readonly success: boolean;
  readonly command: string;
}

/** Something that the debugger tells unasked. */
export interface DebugEvent {
  readonly seq: number;
  readonly type: 'event';
  readonly event: string;
  readonly body?: object;
}

export interface Language {
  readonly info: LanguageInfo;
  /** Set once by the server before the first request. Called in order, also between and after requests. */
  onOutput: (requestId: string, output: LanguageOutput) => void;
  /** Set like `onOutput`. Asks the user for a running cell; an abort takes the question back. */
  onInput: (requestId: string, question: InputQuestion, signal: AbortSignal) => Promise<InputAnswer>;
  /** Resolves after every output of the cell has been given to `onOutput`. Never rejects for an error of the user's code. */
  execute(request: ExecuteRequest): Promise<ExecuteOutcome>;
  /** Hands over a comm message of a client; outputs of its handler carry `requestId`. Resolves when the handler has ended; false: nobody knows the target or the comm. */
  comm(requestId: string, message: CommMessage): Promise<boolean>;
  /** Set like `onOutput`. Sends a comm message to the clients; `requestId` names what caused it. */
  onComm: (requestId: string, message: CommMessage) => void;
  /** Answers while a cell runs or spins. `cursor` and the reply's offsets are UTF-16 units. */
  complete(code: string, cursor: number): Promise<Completion>;
  inspect(code: string, cursor: number, detailLevel: 0 | 1): Promise<Inspection>;
  isComplete(code: string): Promise<Completeness>;
  /**
   * Answers a request of the Debug Adapter Protocol, also while a cell runs, spins or is stopped; never rejects. A language
   * without it has no debugger, and the kernel announces none.
   */
  debug?(request: Record<string, unknown>): Promise<DebugResponse>;
  /** Set like `onOutput`. Receives what the debugger tells unasked. */
  onDebugEvent?: (event: DebugEvent) => void;
  /** Stops the running cell; resolves once the request to stop is on its way. Harmless when idle, and twice. */
  interrupt(): Promise<void>;
  /** Ends every child process; also while user code spins. */
  shutdown(): Promise<void>;
}
