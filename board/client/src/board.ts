/**
 * The board as a cell sees it. Knows the public shapes only; refuses to know links, workers and message numbers.
 * Surprising: everything shown (`info`, `state`, display) is a cached fact; only calls that return a promise go to the board.
 */
import type { Blobs } from './blob.js';
import type { Memory } from './buffer.js';
import type { Leases } from './lease.js';
import type { LinkTest } from './link-test.js';
import type { Models } from './model.js';
import type { Npu } from './npu.js';
import type { CallOptions } from './options.js';
import type { ClockEstimate } from './session/clock-sync.js';
import type { Tasks } from './task.js';

/**
 * - `connected`: calls go through.
 * - `suspended`: the link is down; calls wait while the client reconnects within the board's grace time.
 * - `lost`: closed, or the grace time is over; every call fails at once. Connect again.
 */
export type BoardState = 'connected' | 'suspended' | 'lost';

/** One parameter of the timing model, as the board reports it. */
export interface TimingParameter {
  /** For example `npuClockHz`. */
  name: string;
  value: number;
  /** For example `Hz`, `bytes/cycle`. */
  unit: string;
  /** Where the value comes from; `unfitted` where nothing supports it. */
  source: string;
}

/** Facts about the board, read once on connect and again after a reset. `freeBytes` is as of {@link Board.refresh}. */
export interface BoardInfo {
  /** System on chip, for example `rk3568`. */
  soc: string;
  /** What executes NPU work: `sim:rk3568`, `cpu`, … Every result is to be read together with this. */
  backend: string;
  /** True where times come from a model, not from a clock. Such times are never measurements. */
  modelled: boolean;
  /** Clock of the NPU; 0 where the back end has none (`cpu`). */
  npuClockHz: number;
  /** Null where the board does not know it. */
  ddrClockHz: number | null;
  /** Upper bound of memory traffic in bytes per second; null where the board does not know it. */
  bandwidthBoundBytesPerSecond: number | null;
  /** Device memory of this back end, bytes. */
  memoryBytes: number;
  /** Device memory that was free when the facts were read, bytes. */
  freeBytes: number;
  agentVersion: string;
  driverVersion: string;
  /** Operating system and kernel of the board. */
  os: string;
  /** Instruction set the board's CPU kernels use, for example `neon-dot`, `avx2`. */
  kernelIsa: string;
  /** Timing parameters behind modelled times; empty where times are measured. */
  parameters: readonly TimingParameter[];
  /** The agent's log file, a path on the board. */
  logFile: string;
  /** Ticks per second of the board's clock, the unit of every `startTicks` and `endTicks`. */
  clockHz: number;
  /** Powers of this agent by name, for example `model.step`. */
  capabilities: readonly string[];
  /** Version of this package. */
  clientVersion: string;
  /** What `connect` was given. */
  url: string;
  /** Identity of this run of the agent, 16 hex digits; changes when the board or the agent restarts. */
  bootId: string;
}

/** One device of the board. */
export interface BoardDevice {
  name: string;
  /** Kind of device, for example `npu`. */
  type: string;
  /** Interrupt number; null where it has none. */
  irq: number | null;
}

/** Answer to {@link Board.ping}. */
export interface PingResult {
  /** Round trip without the time the board held the message, ms. */
  roundTripMs: number;
  /** The board's clock when it took the message, ticks of {@link BoardInfo.clockHz}. */
  boardTicks: number;
}

/** What happens without a call. Delivered to {@link ConnectOptions.onEvent} in order. */
export type BoardEvent =
  /** The link came, went or is over. `reason` is a sentence for a person. */
  | { type: 'state'; state: BoardState; reason: string }
  /** No sign of life for four seconds; `false` when it is back. After six the link is taken for down. */
  | { type: 'suspect'; suspect: boolean }
  /** The board restarted or dropped the session: every object of before is stale. */
  | { type: 'reset'; reason: string; bootId: string }
  /** A log line of the agent. `lost` events before this one did not arrive. */
  | { type: 'log'; severity: 'error' | 'warning' | 'info' | 'debug' | 'trace'; text: string; lost: number }
  /** Who holds the board has changed; `lostIt`: this session held it before. */
  | { type: 'lease'; change: 'granted' | 'released' | 'expired' | 'taken'; who: string; why: string; lostIt: boolean }
  /** Text that something else wrote on the serial line, a kernel's log for example. Never a frame. */
  | { type: 'console'; text: string }
  /** The NPU hangs (`stuck`), was reset, or works again. While stuck, NPU calls fail at once with `deviceStuck`. */
  | { type: 'device'; state: 'ready' | 'stuck' | 'reset'; lost: number };

/** Options of {@link connect}. */
export interface ConnectOptions extends CallOptions {
  /** The `npulabd` to start for `sim:…` and `cpu`; else `NPULAB_AGENT`, else `board/target/release/npulabd` upward from this package. */
  agentPath?: string;
  /** Folder for the log file of a started agent; else the system's folder for temporary files. */
  logFolder?: string;
  /** Folder of the started agent's blob store: models put there are still there next time. Absent: the agent's own choice. */
  storeFolder?: string;
  /** Device memory of the started agent in MiB; absent: the agent's own choice. */
  memoryMib?: number;
  /** Called for every {@link BoardEvent}; what it throws is ignored. */
  onEvent?: (event: BoardEvent) => void;
}

/**
 * A board in use. `connect` makes one; it lives until {@link Board.close}, or until its link has been down for longer
 * than the board's grace time (then `state` is `lost`).
 *
 * The link runs in a worker thread: a spinning cell neither misses a ping nor blocks a transfer under way.
 * At most sixteen calls are on the board at once; more of them wait in order.
 *
 * Every promise of this package rejects with a {@link BoardError}. Expect anywhere: `cancelled` (your signal),
 * `deadline`, `linkLost` (down for longer than the grace time), `boardReset` (the board restarted),
 * `staleHandle` (the object belongs to an ended session), `board.closed`.
 */
export interface Board {
  /** Cached facts; replaced as a whole by {@link refresh} and after a reset. Never goes over the wire. */
  readonly info: BoardInfo;
  /** State of the link now. */
  readonly state: BoardState;
  readonly memory: Memory;
  readonly tasks: Tasks;
  readonly blobs: Blobs;
  readonly models: Models;
  /** Who may change the board while several notebooks use it. */
  readonly lease: Leases;
  /** Where the board's clock stands, with its error; renewed by every ping (each two seconds by itself). Null before the first. */
  readonly clock: ClockEstimate | null;
  /** The NPU by hand: registers, command words, steps, counters, recordings. */
  readonly npu: Npu;
  /** Reads the facts again, for example `freeBytes`. */
  refresh(options?: CallOptions): Promise<BoardInfo>;
  /** The devices of the board. */
  devices(options?: CallOptions): Promise<BoardDevice[]>;
  /** One round trip to the board's protocol thread; works while the NPU is busy or stuck. */
  ping(options?: CallOptions): Promise<PingResult>;
  /** Whether every byte gets through, and how fast: sends `noise`, asks for as many bytes back. Fails with `corrupt`. */
  testLink(noise: Uint8Array, options?: CallOptions): Promise<LinkTest>;
  /**
   * Says goodbye: the board frees everything of this session, a started agent ends. Pending calls fail with
   * `board.closed`. Safe to call twice; never rejects.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Connects to a board.
 *
 * `url`: `sim:rk3568` or `cpu` start an agent of our own on this machine (it ends with {@link Board.close}, or with this
 * process, however that ends); `tcp://host:port` and `serial:///dev/ttyUSB0?baud=1500000` are a running
 * `npulabd`; `?key=NAME` names a key (a file, or its name in `~/.config/npulab/keys`).
 *
 * Fails with `board.unknown-address`, `board.agent-missing`, `board.agent-start-failed`, `board.agent-not-ready`,
 * `board.agent-version`, `board.connect-refused`, `board.connect-timeout`, `board.connect-failed`,
 * `board.serial-…`, `board.not-an-agent`, `board.protocol-version`, `cancelled`. `timeoutMs` is for the whole of it; default 15 000.
 * @example
 * await using board = await connect('sim:rk3568');
 * await using buffer = await board.memory.allocate(4096);
 */
export type Connect = (url: string, options?: ConnectOptions) => Promise<Board>;
