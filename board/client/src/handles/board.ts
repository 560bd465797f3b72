/** The board object: cached facts, state, events. Knows the objects it hands out; refuses to know links. */
import type { Blobs } from '../blob.js';
import type { Board, BoardDevice, BoardEvent, BoardInfo, BoardState, PingResult } from '../board.js';
import type { Memory } from '../buffer.js';
import type { Wire } from '../frame/cbor.js';
import type { LeaseState, Leases } from '../lease.js';
import type { LinkTest } from '../link-test.js';
import { invoke } from '../messages/invoke.js';
import { topic as topics } from '../messages/methods.js';
import { Reader, toHex } from '../messages/reader.js';
import { readBoardInfo, readDevices } from '../messages/results.js';
import type { Models } from '../model.js';
import type { Npu } from '../npu.js';
import type { CallOptions } from '../options.js';
import type { ClockEstimate } from '../session/clock-sync.js';
import type { Tasks } from '../task.js';
import { clientVersion } from '../version.js';
import type { Endpoint, Opened } from '../worker/channel.js';
import { LinkClient } from '../worker/client.js';
import { blobsOf } from './blobs.js';
import { memoryOf, pick, tell } from './buffer.js';
import type { BoardContext } from './context.js';
import { leasesOf, readLeaseState } from './lease.js';
import { testLink } from './link-test.js';
import { modelsOf } from './models.js';
import { npuOf } from './npu.js';
import { type Facts, hertz, Shown, size } from './show.js';
import { tasksOf } from './task.js';

const severities = ['trace', 'debug', 'info', 'warning', 'error'] as const;
const leaseChanges = ['granted', 'released', 'expired', 'taken'] as const;
const deviceStates = ['ready', 'stuck', 'reset'] as const;
const pingTimeoutMs = 10_000;

/** What {@link openBoard} needs. */
export interface OpenOptions extends CallOptions {
  endpoint: Endpoint;
  url: string;
  timeoutMs: number;
  onEvent?: ((event: BoardEvent) => void) | undefined;
  /** Waits for the thread behind the endpoint to end. */
  afterClose(): Promise<void>;
}

/** Connects through an endpoint and reads the facts. `client` is told to the caller so that it can report a dead thread. */
export async function openBoard(options: OpenOptions, withClient: (client: LinkClient) => void): Promise<Board> {
  const board = new LinkedBoard(options);
  withClient(board.client);
  try {
    await board.open(options);
    return board;
  } catch (error) {
    await board.close();
    throw error;
  }
}

class LinkedBoard extends Shown implements Board {
  readonly client: LinkClient;
  readonly memory: Memory;
  readonly tasks: Tasks;
  readonly blobs: Blobs;
  readonly models: Models;
  readonly lease: Leases;
  readonly #context: BoardContext;
  #clock: ClockEstimate | null = null;
  readonly npu: Npu;
  readonly #url: string;
  readonly #onEvent: ((event: BoardEvent) => void) | undefined;
  readonly #afterClose: () => Promise<void>;
  /** Who is to be told what is new in the lease's queue. */
  readonly #leaseWaiters = new Set<(state: LeaseState) => void>();
  #opened: Opened | null = null;
  #info: BoardInfo | null = null;
  #state: BoardState = 'connected';
  #closing: Promise<void> | null = null;

  constructor({ endpoint, url, onEvent, afterClose }: OpenOptions) {
    super();
    this.#url = url;
    this.#onEvent = onEvent;
    this.#afterClose = afterClose;
    this.client = new LinkClient(endpoint, {
      state: (state, reason) => this.#changed(state, reason),
      suspect: (suspect) => this.#tell({ type: 'suspect', suspect }),
      reset: (opened, reason) => this.#reset(opened, reason),
      event: (topic, payload, lost) => this.#happened(topic, payload, lost),
      clock: (estimate) => {
        this.#clock = estimate;
      },
      console: (text) => this.#tell({ type: 'console', text }),
      ended: (error) => this.#changed('lost', error.message),
    });
    const context: BoardContext = {
      client: this.client,
      epoch: () => this.#opened?.epoch ?? 0,
      clockHz: () => this.#opened?.hello.clockHz ?? 1,
      maxBodyBytes: () => this.#opened?.hello.maxBodyBytes ?? 0,
    };
    this.#context = context;
    this.memory = memoryOf(context);
    this.tasks = tasksOf(context);
    this.blobs = blobsOf(context);
    this.models = modelsOf(context);
    this.lease = leasesOf(context, (told) => {
      this.#leaseWaiters.add(told);
      return () => this.#leaseWaiters.delete(told);
    });
    this.npu = npuOf(context);
  }

  get info(): BoardInfo {
    return this.#info!;
  }

  get clock(): ClockEstimate | null {
    return this.#clock;
  }

  get state(): BoardState {
    return this.#state;
  }

  /** Connects; the object is handed out only afterwards. */
  async open({ timeoutMs, signal }: OpenOptions): Promise<void> {
    this.#opened = await this.client.open(timeoutMs, signal);
    await this.refresh({ timeoutMs, ...(signal && { signal }) });
  }

  async refresh(options: CallOptions = {}): Promise<BoardInfo> {
    const { result } = await invoke(this.client, 'sys.info', {}, pick(options));
    const { clockHz, capabilities, bootId } = this.#opened!.hello;
    this.#info = readBoardInfo(result, { clockHz, capabilities, clientVersion, url: this.#url, bootId: toHex(bootId) });
    return this.#info;
  }

  async devices(options: CallOptions = {}): Promise<BoardDevice[]> {
    const { result } = await invoke(this.client, 'sys.devices', {}, pick(options));
    return readDevices(result);
  }

  ping(options: CallOptions = {}): Promise<PingResult> {
    return this.client.ping(options.timeoutMs ?? pingTimeoutMs, options.signal);
  }

  testLink(noise: Uint8Array, options: CallOptions = {}): Promise<LinkTest> {
    return testLink(this.#context, noise, options);
  }

  close(): Promise<void> {
    this.#closing ??= this.client.close('closed by the notebook').then(this.#afterClose);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected override facts(): Facts {
    const {
      soc,
      backend,
      modelled,
      npuClockHz,
      ddrClockHz,
      memoryBytes,
      freeBytes,
      agentVersion,
      driverVersion,
      os,
      kernelIsa,
      bootId,
    } = this.info;
    const times = modelled ? 'modelled' : 'measured';
    return {
      line: `Board(${soc}, ${backend}, ${npuClockHz ? `NPU ${hertz(npuClockHz)}, ` : ''}${size(memoryBytes)}, times ${times}, ${this.#state})`,
      title: `Board ${soc}`,
      rows: [
        ['state', this.#state],
        ['address', this.#url],
        ['back end', backend],
        ['times', times],
        ['NPU / DDR clock', `${hertz(npuClockHz)} / ${hertz(ddrClockHz)}`],
        ['memory', `${size(memoryBytes)}, ${size(freeBytes)} free when asked`],
        ['agent / driver', `${agentVersion} / ${driverVersion}`],
        ['operating system', os],
        ['CPU kernels', kernelIsa],
        ['boot', bootId],
      ],
    };
  }

  #changed(state: BoardState, reason: string): void {
    if (this.#state === state) return;
    this.#state = state;
    if (this.#info) this.#tell({ type: 'state', state, reason });
  }

  #reset(opened: Opened, reason: string): void {
    this.#opened = opened;
    const { clockHz, capabilities, bootId } = opened.hello;
    if (this.#info) this.#info = { ...this.#info, clockHz, capabilities, bootId: toHex(bootId) };
    this.#tell({ type: 'reset', reason, bootId: toHex(bootId) });
    // The rest of the facts follows as soon as the board has told them; a link that falls meanwhile tells so itself.
    this.refresh().catch(() => undefined);
  }

  #happened(topic: number, payload: Wire, lost: number): void {
    const reader = new Reader(payload, `event ${topic}`);
    if (topic === topics.log) {
      const severity = severities[reader.uint(0)] ?? 'error';
      this.#tell({ type: 'log', severity, text: reader.text(1), lost });
    } else if (topic === topics.lease) {
      const change = reader.oneOf(0, leaseChanges);
      this.#tell({ type: 'lease', change, who: reader.text(1), why: reader.text(2), lostIt: reader.bool(3) });
    } else if (topic === topics.queue) {
      const state = readLeaseState(payload);
      for (const told of this.#leaseWaiters) told(state);
    } else if (topic === topics.deviceState) {
      this.#tell({ type: 'device', state: reader.oneOf(0, deviceStates), lost });
    }
  }

  #tell(event: BoardEvent): void {
    tell(this.#onEvent, event);
  }
}
