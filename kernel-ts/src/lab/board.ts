/** The board in a cell: the client's board plus progress bars, quantized models and provenance. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inspect } from 'node:util';
import type {
  Blobs,
  Board,
  BoardInfo,
  BoardState,
  ClockEstimate,
  Leases,
  LoadedModel,
  Memory,
  ModelFiles,
  ModelInfo,
  Npu,
  OperatorInfo,
  Sampling,
  Tasks,
} from '@npulab/board';
import type { LlamaModel, QuantizedModel } from '@npulab/quant';
import { bytesText, card, type Displayable, jupyterDisplay, shownAs } from '../display/index.js';
import type { LabContext, WaitOptions } from './context.js';
import { LabError } from './errors.js';
import { clockFace, countersFace } from './faces.js';
import type { Ledger } from './ledger.js';
import { boardMenu } from './menus.js';
import { LabSession } from './session.js';

const megahertz = (hz: number | null): string => (hz === null ? 'unknown' : hz === 0 ? 'none' : `${hz / 1e6} MHz`);

/** A model on the board, ready to run. */
export class LabLoadedModel implements AsyncDisposable, Displayable {
  readonly #model: LoadedModel;
  readonly #context: LabContext;
  readonly #ledger: Ledger;

  constructor(model: LoadedModel, context: LabContext, ledger: Ledger) {
    this.#model = model;
    this.#context = context;
    this.#ledger = ledger;
  }

  get info(): ModelInfo {
    return this.#model.info;
  }

  /** The operators of one forward pass, in order. */
  get operators(): readonly OperatorInfo[] {
    return this.#model.operators;
  }

  /** SHA-256 of the manifest: names exactly these bytes. */
  get manifestId(): string {
    return this.#model.manifestId;
  }

  /** Starts an inference on `prompt`. Sampling may also be given to `generate`. */
  async session(prompt: string | readonly number[], options: Sampling & WaitOptions = {}): Promise<LabSession> {
    const session = await this.#model.session(prompt, { signal: this.#context.signal, ...options });
    return new LabSession(session, this.operators, this.#context, this.#ledger);
  }

  /** Frees the model on the board. */
  unload(): Promise<void> {
    return this.#model.unload();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unload();
  }

  [inspect.custom](): string {
    return String(this.#model);
  }

  [jupyterDisplay]() {
    const { name, layers, hidden, heads, kvHeads, vocabulary, context, weightBytes, bytesPerToken } = this.info;
    return card(`Model on the board: ${name}`, {
      shape: `${layers} layers, hidden ${hidden}, ${heads} heads (${kvHeads} KV), vocabulary ${vocabulary}, context ${context}`,
      'weights on the board': bytesText(weightBytes),
      'read per token': bytesText(bytesPerToken),
      manifest: this.manifestId.slice(0, 16),
    })[jupyterDisplay]();
  }
}

export class LabBoard implements AsyncDisposable, Displayable {
  readonly #board: Board;
  readonly #context: LabContext;
  readonly #ledger: Ledger;
  readonly #npu: Npu;
  /** Models on this board. */
  readonly models: {
    load: (source: string | ModelFiles | LlamaModel | QuantizedModel, options?: WaitOptions) => Promise<LabLoadedModel>;
  };

  constructor(board: Board, context: LabContext, ledger: Ledger) {
    this.#board = board;
    this.#context = context;
    this.#ledger = ledger;
    this.models = { load: (source, options = {}) => this.#load(source, options) };
    for (const name of ['memory', 'tasks', 'blobs', 'lease'] as const) shownAs(board[name], () => boardMenu(name));
    const npu: Npu = {
      ...board.npu,
      // A recording is part of what a report proves: its digest goes into the provenance.
      capture: async (run, options) => {
        const capture = await board.npu.capture(run, options);
        ledger.add('captures', { job: capture.digest, submits: capture.submits, backend: board.info.backend });
        return capture;
      },
      counters: async (options) => countersFace(await board.npu.counters(options)),
    };
    this.#npu = shownAs(npu, () => boardMenu('npu'));
    shownAs(this.models, () => boardMenu('models'));
  }

  /** Facts read when the board connected. Never goes over the wire. */
  get info(): BoardInfo {
    return this.#board.info;
  }

  get state(): BoardState {
    return this.#board.state;
  }

  /** Where the board's clock stands against ours, with its error; null before the first ping. Never goes over the wire. */
  get clock(): ClockEstimate | null {
    return this.#board.clock && clockFace(this.#board.clock);
  }

  /** Who may change the board while several notebooks use it: `await using mine = await board.lease.acquire({ why })`. */
  get lease(): Leases {
    return this.#board.lease;
  }

  /** Device memory: `await board.memory.allocate(sizeBytes)`. */
  get memory(): Memory {
    return this.#board.memory;
  }

  /** The NPU's queue: `await board.tasks.submit({ kind: 'matmulInt8', … })`, or `'matmulFp16'`. */
  get tasks(): Tasks {
    return this.#board.tasks;
  }

  /** The NPU by hand: `await board.npu.registers()`, `.disassemble(…)`, `.submit(…)`, `.step(job)`, `.counters()`, `.capture(…)`. */
  get npu(): Npu {
    return this.#npu;
  }

  /** The content-addressed store. */
  get blobs(): Blobs {
    return this.#board.blobs;
  }

  refresh(options: WaitOptions = {}): Promise<BoardInfo> {
    return this.#board.refresh(options);
  }

  devices(options: WaitOptions = {}) {
    return this.#board.devices(options);
  }

  ping(options: WaitOptions = {}) {
    return this.#board.ping(options);
  }

  /** Ends the session; an agent that `lab.connect` started ends with it. */
  close(): Promise<void> {
    return this.#board.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [inspect.custom](): string {
    return String(this.#board);
  }

  [jupyterDisplay]() {
    const info = this.info;
    const bound = info.bandwidthBoundBytesPerSecond;
    return card(`Board: ${info.soc.toUpperCase()}${info.modelled ? ' (simulated; every latency is modelled)' : ''}`, {
      'back end': info.backend,
      'NPU clock': megahertz(info.npuClockHz),
      'DDR clock': megahertz(info.ddrClockHz),
      'bandwidth bound': bound === null ? 'unknown' : `${bound / 1e9} GB/s`,
      memory: bytesText(info.memoryBytes),
      agent: info.agentVersion,
      driver: info.driverVersion,
      client: info.clientVersion,
      kernel: this.#context.kernelVersion,
      state: this.state,
    })[jupyterDisplay]();
  }

  async #load(source: string | ModelFiles | LlamaModel, options: WaitOptions): Promise<LabLoadedModel> {
    const signal = options.signal ?? this.#context.signal;
    const name = typeof source === 'string' ? source : source.name;
    const bar = this.#context.progress(`load ${name}`, 0, 'bytes');
    try {
      const loaded = await this.#asFiles(source, signal, bar, async (files) => {
        const model = await this.#board.models.load(files, {
          ...options,
          signal,
          onProgress: ({ stage, doneBytes, totalBytes }) => bar.update(doneBytes, stage, totalBytes),
        });
        this.#ledger.add('loads', { manifest: model.manifestId, backend: this.info.backend });
        return new LabLoadedModel(model, this.#context, this.#ledger);
      });
      bar.done();
      return loaded;
    } catch (error) {
      bar.fail(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** Gives `use` the files of a model; one that exists only in memory gets a folder for as long as `use` takes. */
  async #asFiles<Result>(
    source: string | ModelFiles | LlamaModel,
    signal: AbortSignal,
    bar: ReturnType<LabContext['progress']>,
    use: (files: string | ModelFiles) => Promise<Result>,
  ): Promise<Result> {
    if (typeof source === 'string') return use(resolve(this.#context.folder, source));
    if (!isModel(source)) return use(source);
    if (source.folder !== null) return use(source.folder);
    const bits = (source as Partial<QuantizedModel>).settings?.bits;
    if (bits !== undefined && bits !== 8)
      throw new LabError('lab.bits-not-on-board', `${source.name} has ${bits} bits`);
    const folder = await mkdtemp(join(tmpdir(), 'npulab-model-'));
    try {
      const { save } = await import('@npulab/quant');
      await save(source, folder, { signal, onProgress: (done, total) => bar.update(done, 'writing', total) });
      return await use(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

function isModel(source: ModelFiles | LlamaModel): source is LlamaModel {
  return 'tokenizer' in source && typeof source.tokenizer === 'object';
}
