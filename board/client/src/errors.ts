/**
 * Errors of this package: one class, one table of host codes, one of wire codes. Knows every code it can throw; refuses
 * to know where they are thrown. Surprising: a wire error brings its own remedy, the table's is for peers that send none.
 */

/** Codes this package raises itself → what to do about it. */
export const hostCodes = {
  'board.unknown-address':
    "Use 'sim:rk3568' (simulator), 'cpu' (control experiment on the CPU), 'drm' (the vendor's kernel driver of the board this runs on), 'tcp://host:port', 'serial:///dev/ttyUSB0?baud=1500000' (a running npulabd; ?key=NAME names a key), or a name of the boards file.",
  'board.agent-missing':
    'Build the agent (npm run build, or cargo build --release -p agent in board/), or set NPULAB_AGENT to a npulabd binary.',
  'board.agent-start-failed':
    'Read the text the agent left (field `output`); run the binary by hand with --help to see that it runs here.',
  'board.agent-not-ready':
    'The machine may be overloaded: connect again with a larger timeoutMs. Else read the agent log (field `logFile`).',
  'board.agent-version':
    'Agent and client must come from the same build: run npm run build again, or point NPULAB_AGENT at a matching binary.',
  'board.agent-exited': 'Connect again. The agent log (field `logFile`) says why it ended.',
  'board.connect-refused': 'Nothing listens there: start npulabd on the board, and check the port.',
  'board.connect-timeout': 'No answer: check that the board is on, its address, and that no firewall is between.',
  'board.connect-failed': 'Check the host name and the network.',
  'board.serial-busy':
    'Close the program that has the port open, for example a terminal. (Kernels share a port by themselves.)',
  'board.serial-held': 'Ask for the baud rate the port is open at, or end what uses it: npulab board list.',
  'board.serial-denied': 'Give your user the right to the port: sudo usermod -aG dialout $USER, then log in again.',
  'board.serial-missing':
    'Check cable and adapter: ls /dev/ttyUSB* /dev/ttyACM* /dev/serial/by-id names the ports there are.',
  'board.serial-silent':
    'Check that npulabd runs on the board and listens on that port, that both sides use the same baud rate, and that TX and RX are crossed: npulab doctor --board ADDRESS.',
  'board.serial-unavailable':
    'Run npm install in the repository; the package serialport brings a binary for Linux on x86-64 and aarch64.',
  'board.key-missing':
    'Copy the key the board showed at its first start into ~/.config/npulab/keys/NAME (64 hex digits, mode 0600), or correct key=… of the address.',
  'board.key-exposed': 'chmod 600 the file; if others may have read it, make a new key on the board.',
  'board.key-damaged': 'A key file holds 64 hex digits and nothing else: copy it from the board again.',
  'board.key-refused':
    "The board does not have this key, or has none at all: compare the key's id with the one in the board's hello line; after failed tries the board waits some seconds.",
  'board.file-damaged':
    'Correct the boards file: { "NAME": { "address": "tcp://host:port" or "serial:///dev/…", "key": "NAME" (optional) } }.',
  'board.not-an-agent': 'Something else listens on this port: check address and port of npulabd.',
  'board.protocol-version': 'Update the older side, so that both speak a common protocol version.',
  'board.closed': 'Connect again: const board = await connect(…).',
  'board.bad-argument': 'Correct the argument that the message names.',
  'board.damaged-message':
    'Agent and client disagree about a message: rebuild both from the same commit, and report it.',
  'board.model-folder': 'A model folder holds config.json, model.safetensors and tokenizer.model.',
  'board.upload-source': 'Check that the file can be read, and do not change it during the upload.',
  'board.worker-failed': 'The thread that runs the link ended: connect again, and report it with the text above.',
} as const;

/** Codes of the wire (`error-code` in link.cddl) → what to do where the peer says nothing. */
export const wireCodes = {
  linkLost: 'Check cable and power of the board, then connect again.',
  boardReset: 'The board restarted: run the notebook again from the cell that made this object.',
  staleHandle: 'The object was freed or belongs to an ended session: make it anew.',
  leaseHeld: 'Another notebook holds the board: wait until it releases it.',
  leaseLost: 'Another notebook took the board: acquire it again.',
  deadline: 'Allow more time with timeoutMs, or ask for less at once.',
  cancelled: 'Run the cell again if the stop was not wanted.',
  unsupported: 'This agent cannot do it: update the agent, or see board.info.capabilities.',
  badArgument: 'Correct the argument that the message names.',
  outOfMemory: 'Free buffers or models, or start the agent with more --memory-mib.',
  notFound: 'Check the name; it must exist on the board when it is asked for.',
  corrupt: 'The bytes are not what their digest says: upload again.',
  npuTimeout: 'The NPU did not finish: look at board.info and the agent log, then try a smaller job.',
  npuFault: 'The fields of this error name job, register and address: check operands and layout.',
  deviceStuck: 'The NPU hangs: reading still works; restart the agent to use the NPU again.',
  ioFault: "The board's storage failed: look at the agent log.",
  internal: 'A fault of the agent: report it with the agent log.',
  busy: 'Wait for the other call to end, then try again.',
  denied: 'The session has no right to this.',
  noSpace: 'Free space in the store, or start the agent with a larger --quota-mib.',
  tooLarge: 'Ask for less at once.',
} as const;

/** A code this package raises itself. */
export type HostCode = keyof typeof hostCodes;
/** A code the board sends. */
export type WireCode = keyof typeof wireCodes;
/** Every code a {@link BoardError} can carry. */
export type BoardErrorCode = HostCode | WireCode;

/** What went wrong (`message`), which case it is (`code`), what to do (`remedy`), what lies behind (`cause`, `fields`). */
export class BoardError extends Error {
  override readonly name = 'BoardError';
  /** For programs; see {@link hostCodes} and {@link wireCodes}. */
  readonly code: BoardErrorCode;
  /** One sentence for a person; names the log where there is one. */
  readonly remedy: string;
  /** Facts of this case, for example the fault address of `npuFault`. */
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: BoardErrorCode,
    message: string,
    details: { remedy?: string; cause?: unknown; fields?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.fields = details.fields ?? {};
    const remedy = details.remedy || (code in hostCodes ? hostCodes[code as HostCode] : wireCodes[code as WireCode]);
    this.remedy = remedy.replace(/\(field `(\w+)`\)/g, (whole, name) => shown(this.fields[name]) ?? whole);
  }
}

/** A field that a remedy points at, for who reads the error in a cell and has no object at hand; one line of it. */
function shown(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && !value.includes('\n') ? `(${value})` : undefined;
}

/** True for the codes of link.cddl. */
export function isWireCode(code: string): code is WireCode {
  return Object.hasOwn(wireCodes, code);
}

/** An error as it crosses a MessagePort. */
export interface PortableError {
  code: BoardErrorCode;
  message: string;
  remedy: string;
  fields: Readonly<Record<string, unknown>>;
  cause: string | null;
}

/** Takes an error apart for a MessagePort; whatever is not a {@link BoardError} is named a failure of the worker. */
export function toPortable(error: unknown): PortableError {
  if (error instanceof BoardError) {
    const { code, message, remedy, fields, cause } = error;
    return { code, message, remedy, fields, cause: cause === undefined ? null : String(cause) };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return toPortable(new BoardError('board.worker-failed', `The link thread failed: ${text}`));
}

/** Puts it together again. */
export function fromPortable(error: PortableError): BoardError {
  const { code, message, remedy, fields, cause } = error;
  return new BoardError(code, message, { remedy, fields, ...(cause === null ? {} : { cause }) });
}
