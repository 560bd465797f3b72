/**
 * Runs a notebook from top to bottom in a fresh kernel. Stops at the first error unless the cell is tagged
 * `raises-exception`; leaves out cells tagged `skip-execution`. An error of the user's code is part of the result, not
 * thrown. Refuses to know files: text in and out is `notebook-file.ts`.
 */
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import { type Cell, joined, type Notebook } from '../notebook.js';
import { connectClient, type KernelClient } from './client.js';
import { withoutMarks } from './error-marker.js';
import { RunnerError } from './errors.js';
import { type KernelProcess, kernelCommand, startKernel } from './kernel-process.js';
import { normalized } from './notebook-file.js';
import { hasTag, inject, type Parameters } from './parameters.js';
import { type CellRecord, Recorder } from './recorder.js';
import { lastDurationMs, remainingMs } from './remaining.js';
import { prepares } from './resume.js';

/** What the kernelspec is called in a notebook's metadata. */
export const kernelspecMetadata = {
  display_name: 'TypeScript (NPU Lab)',
  language: 'typescript',
  name: 'npulab',
} as const;

/** One step of a run. */
export interface CellProgress {
  /** Number among the code cells that run, from 1. */
  readonly cell: number;
  readonly cells: number;
  /** Absent when the cell starts, present when it has ended. */
  readonly durationMs?: number;
  readonly failed?: boolean;
  /** How long the cells after this one will take; absent where nobody knows. */
  readonly remainingMs?: number;
}

/** How to run. */
export interface RunOptions {
  readonly parameters?: Parameters;
  /** The notebook's folder: imports and relative paths start there. */
  readonly folder: string;
  readonly onProgress?: (progress: CellProgress) => void;
  /** Takes the notebook as far as it has come, after each cell. */
  readonly onCell?: (notebook: Notebook) => void;
  /** Id of the cell to start from: those before it keep their outputs, and are run only where they prepare (`resume.ts`). */
  readonly from?: string;
  /** Aborting interrupts the running cell; the run ends with its error. A cell that does not end is killed with the kernel after `graceMs`. */
  readonly signal?: AbortSignal;
  /** A cell that has not ended by then is interrupted, and the run ends with its error. */
  readonly cellTimeoutMs?: number;
  /** How long the kernel may take to end, or an interrupted cell to stop. */
  readonly graceMs?: number;
  /** Names the log of a kernel by its process id, for error texts. */
  readonly logFile?: (pid: number) => string;
  /** Command of another kernel, for tests; `{connection_file}` is replaced. */
  readonly command?: readonly string[];
}

/** The cell that ended the run. */
export interface CellError {
  /** Number among the code cells that run, from 1. */
  readonly cell: number;
  readonly id: string;
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** What a run leaves. */
export interface RunResult {
  /** nbformat 4.5; cells after an error keep no old outputs. */
  readonly notebook: Notebook;
  readonly durationMs: number;
  readonly error?: CellError;
}

/**
 * Runs all cells and returns the executed notebook.
 *
 * @throws RunnerError when the kernel does not start (one that ends later is the error of its cell); ReportError for something that is no notebook.
 */
export async function runNotebook(notebook: Notebook, options: RunOptions): Promise<RunResult> {
  const started = performance.now();
  const graceMs = options.graceMs ?? 10_000;
  const prepared = inject(withoutMarks(normalized(notebook, 'the notebook')), options.parameters ?? {});
  const kernel = await startKernel(options.folder, options.command ?? kernelCommand, options);
  const client = connectClient(kernel.connection);
  let closing = false;
  try {
    const info = await Promise.race([client.kernel.info, kernel.died]);
    const metadata = { ...prepared.metadata, kernelspec: kernelspecMetadata, language_info: info.language_info };
    const onCells = (cells: Cell[]): void => options.onCell?.({ ...prepared, metadata, cells });
    const { cells, error } = await runCells(prepared.cells, client, kernel, { ...options, onCells }, graceMs);
    closing = error?.ename !== RunnerError.name;
    if (closing) await Promise.race([client.shutdown(), kernel.died]).catch(() => {});
    const durationMs = performance.now() - started;
    return { notebook: { ...prepared, metadata, cells }, durationMs, ...(error ? { error } : {}) };
  } finally {
    client.close();
    await kernel.end(closing ? graceMs : 0);
  }
}

async function runCells(
  cells: readonly Cell[],
  client: KernelClient,
  kernel: KernelProcess,
  options: RunOptions & { readonly onCells: (cells: Cell[]) => void },
  graceMs: number,
): Promise<{ cells: Cell[]; error?: CellError }> {
  const recorder = new Recorder();
  client.kernel.iopubMessage.connect((_, message) => recorder.take(message));
  const from = options.from === undefined ? 0 : cells.findIndex((cell) => cell.id === options.from);
  const kept = new Set(cells.slice(0, from).filter((cell) => !prepares(cell)));
  const runs = (cell: Cell): boolean =>
    cell.cell_type === 'code' &&
    joined(cell.source).trim() !== '' &&
    !hasTag(cell, 'skip-execution') &&
    !kept.has(cell);
  const toRun = cells.filter(runs);
  const total = toRun.length;
  const expected = toRun.map(lastDurationMs);
  const taken: number[] = [];
  // Outputs are read anew each time: a display of an early cell may be updated by a late one.
  const present = (): Cell[] => cells.map((cell) => (kept.has(cell) ? cell : executed(cell, records.get(cell))));
  const records = new Map<Cell, CellRecord>();
  let error: CellError | undefined;
  for (const cell of toRun) {
    const number = records.size + 1;
    options.onProgress?.({ cell: number, cells: total });
    const began = performance.now();
    const message = request(cell, client);
    const record = recorder.begin(message.msg.header.msg_id);
    records.set(cell, record);
    const failure = await runCell(message, record, client, kernel, options, graceMs);
    const durationMs = performance.now() - began;
    taken.push(durationMs);
    const left = remainingMs(taken, expected.slice(number));
    const rest = left === undefined ? {} : { remainingMs: left };
    options.onProgress?.({ cell: number, cells: total, durationMs, failed: failure !== undefined, ...rest });
    options.onCells(present());
    const mayFail = hasTag(cell, 'raises-exception') && !options.signal?.aborted && !failure?.lost;
    if (!failure || mayFail) continue;
    const { ename, evalue, traceback } = failure;
    error = { cell: number, id: cell.id ?? '', ename, evalue, traceback };
    break;
  }
  return { cells: present(), ...(error ? { error } : {}) };
}

type Execution = Kernel.IShellFuture<KernelMessage.IExecuteRequestMsg, KernelMessage.IExecuteReplyMsg>;

/** Why a cell failed; `lost` means that there is no kernel any more. */
interface Failure {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
  readonly lost?: boolean;
}

function request(cell: Cell, client: KernelClient): Execution {
  const content = { code: joined(cell.source), allow_stdin: false, stop_on_error: true };
  return client.kernel.requestExecute(content, true, { cellId: cell.id ?? '' });
}

async function runCell(
  execution: Execution,
  record: CellRecord,
  client: KernelClient,
  kernel: KernelProcess,
  { signal, cellTimeoutMs }: RunOptions,
  graceMs: number,
): Promise<Failure | undefined> {
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  let interrupt = (): void => {};
  const stuck = new Promise<never>((_, reject) => {
    interrupt = () => {
      void record.begun.then(() => client.interrupt()).catch(() => {});
      const error = new RunnerError('runner.cell-stuck', `the cell did not stop within ${graceMs} ms`);
      timer = setTimeout(() => reject(error), graceMs);
    };
  });
  const limit =
    cellTimeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          late = true;
          interrupt();
        }, cellTimeoutMs);
  if (signal?.aborted) interrupt();
  else signal?.addEventListener('abort', interrupt, { once: true });
  try {
    const reply = await Promise.race([execution.done, kernel.died, stuck]);
    record.execution['shell.execute_reply'] = reply.header.date;
    const { content } = reply;
    if (content.status === 'ok') return undefined;
    const { ename, evalue, traceback } = content as KernelMessage.IReplyErrorContent;
    if (!late) return { ename, evalue, traceback };
    const error = new RunnerError('runner.cell-late', `the cell took longer than ${cellTimeoutMs} ms`);
    return { ename: error.name, evalue: error.message, traceback: [...traceback, `Remedy: ${error.remedy}`] };
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    // The notebook is kept with what it has shown so far, and with the reason.
    const evalue = error.message;
    const traceback = [`${error.code}: ${evalue}`, `Remedy: ${error.remedy}`];
    record.outputs.push({ output_type: 'error', ename: error.name, evalue, traceback });
    return { ename: error.name, evalue, traceback, lost: true };
  } finally {
    clearTimeout(timer);
    clearTimeout(limit);
    signal?.removeEventListener('abort', interrupt);
  }
}

function executed(cell: Cell, record: CellRecord | undefined): Cell {
  if (cell.cell_type !== 'code') return cell;
  const { execution: _, ...metadata } = cell.metadata;
  if (!record) return { ...cell, metadata, execution_count: null, outputs: [] };
  const { outputs, executionCount, execution } = record;
  return { ...cell, metadata: { ...metadata, execution }, execution_count: executionCount, outputs };
}
