/**
 * `lab`: what a cell starts from. Composes client, quantizer and displays; owns no algorithm. Surprise: the packages it
 * stands on are loaded by the first call that needs them, because a kernel's first cell would wait for them otherwise.
 */

import { cpus } from 'node:os';
import { resolve } from 'node:path';
import type { ConnectOptions, TraceRecord } from '@npulab/board';
import {
  type ArrowLike,
  card,
  type Displayable,
  jupyterDisplay,
  type TableOptions,
  table,
  volatileMetadata,
} from '../display/index.js';
import { attachmentBundle, defaultAttachLimitBytes } from './attachment.js';
import { LabBoard } from './board.js';
import type { LabContext } from './context.js';
import { corpus } from './corpus.js';
import { Ledger } from './ledger.js';
import { LabModels } from './models.js';
import { LabPlot } from './plot.js';
import { environmentBundle, provenanceBundle, type ReportFacts } from './provenance.js';
import { LabQuant } from './quant.js';
import { loadTables, type TraceTable, traceTable } from './trace.js';

export class Lab implements Displayable {
  readonly #context: LabContext;
  readonly #ledger = new Ledger();
  readonly #boards = new Set<LabBoard>();
  /** Opens models: `await lab.models.open('tiny')`. */
  readonly models: LabModels;
  /** Quantizers and metrics. */
  readonly quant: LabQuant;
  /** Charts. */
  readonly plot = new LabPlot();

  constructor(context: LabContext) {
    this.#context = context;
    this.models = new LabModels(context, this.#ledger);
    this.quant = new LabQuant(context, this.#ledger);
    const environment = this.#ledger.environment;
    environment.node = process.version;
    environment.host = `${process.platform} ${process.arch}, ${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} processors`;
  }

  /**
   * Connects to a board: `'sim:rk3568'` (default: the agent is started on the register-level simulator), `'cpu'`,
   * `'drm'` (on a board with the vendor's kernel driver), `'tcp://host:port'`, `'serial:///dev/ttyUSB0'` or a name of the
   * boards file. Fails with `board.*` and a remedy where the address is unknown, the agent is missing, or speaks
   * another protocol version.
   *
   * @example const board = await lab.connect();
   */
  async connect(url = 'sim:rk3568', options: ConnectOptions = {}): Promise<LabBoard> {
    const [{ connect }] = await Promise.all([import('@npulab/board'), loadTables()]);
    const client = await connect(url, {
      logFolder: this.#context.logFolder,
      signal: this.#context.signal,
      ...options,
      onEvent: (event) => {
        if ('lost' in event) this.#ledger.lostEvents += event.lost;
        options.onEvent?.(event);
      },
    });
    const { soc, backend, modelled, npuClockHz, ddrClockHz, agentVersion, driverVersion, parameters, os, kernelIsa } =
      client.info;
    const place = /^(sim|cpu)/.test(url) ? url : new URL(url).protocol;
    this.#ledger.add('boards', {
      ...{ url: place, backend, soc, modelled, npuClockHz, ddrClockHz, agentVersion, driverVersion },
      timing: parameters.map(({ name, value, unit, source }) => ({ name, value, unit, source })),
    });
    this.#ledger.environment.board = `${os}, kernels ${kernelIsa}`;
    const board = new LabBoard(client, this.#context, this.#ledger);
    this.#boards.add(board);
    return board;
  }

  /** Version of the newest connected board's agent; undefined before the first board. */
  get agentVersion(): string | undefined {
    return [...this.#boards].at(-1)?.info.agentVersion;
  }

  /** Stories of the default model: `'calibration'`, or `'evaluation'`, which it was never trained on. */
  corpus(name: 'calibration' | 'evaluation'): readonly string[] {
    return corpus(name);
  }

  /** Shows records, or an Arrow table, with a title. */
  table(rows: Parameters<typeof table>[0], options?: TableOptions): Displayable {
    return table(rows, options);
  }

  /**
   * Trace records of a board of this session as an Apache Arrow table.
   * @example lab.traceTable(run.trace).getChild('cycles')?.toArray()
   */
  traceTable<T extends ArrowLike = TraceTable>(records: readonly TraceRecord[]): T {
    return traceTable<T>(records);
  }

  /** A path relative to the notebook's folder, as an absolute one. */
  path(relative: string): string {
    return resolve(this.#context.folder, relative);
  }

  /**
   * Shows the provenance that a report carries: question, result, models, settings, back ends, builds; and attaches files to it.
   * @example await lab.report({ question, result, attach: { 'one-product': capture } });
   */
  async report(facts: ReportFacts): Promise<void> {
    const { display, kernelVersion } = this.#context;
    const { attach = {}, attachLimitBytes = defaultAttachLimitBytes } = facts;
    for (const [name, files] of Object.entries(attach))
      await display(await attachmentBundle(name, files, attachLimitBytes), { raw: true });
    await display(await provenanceBundle(facts, this.#ledger, kernelVersion), { raw: true });
    await display(await environmentBundle(this.#ledger), { raw: true, metadata: { ...volatileMetadata } });
  }

  /** Closes every board this lab has connected. Called when the kernel ends. */
  async dispose(): Promise<void> {
    await Promise.allSettled([...this.#boards].map((board) => board.close()));
    this.#boards.clear();
  }

  [jupyterDisplay]() {
    return card('NPU Lab', {
      connect:
        "const board = await lab.connect()  // 'sim:rk3568', 'cpu', 'drm', 'tcp://host:port', 'serial:///dev/ttyUSB0'",
      models: "const model = await lab.models.open('tiny')",
      quantize: "const q = await lab.quant.gptq(model, { bits: 8, calibration: lab.corpus('calibration') })",
      load: 'const loaded = await board.models.load(q)',
      step: "const run = await loaded.session('One morning'); await run.step({ until: 'layer' })",
      plot: 'lab.plot.latency(run.trace, { board })',
    })[jupyterDisplay]();
  }
}
