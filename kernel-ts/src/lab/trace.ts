/** Trace records as an Apache Arrow table: one row per executed operator, ready to filter, print or export. */
import type { TraceRecord } from '@npulab/board';
import type { ArrowLike } from '../display/index.js';
import { LabError } from './errors.js';

/** What the columns hold: layer is −1 outside the layers, modelledUs null where there is no model. */
export interface TraceColumns {
  readonly operator: readonly string[];
  readonly layer: Int32Array;
  readonly kind: readonly string[];
  readonly runsOn: readonly string[];
  readonly position: Int32Array;
  readonly rows: Int32Array;
  readonly modelledUs: Float64Array;
  readonly cycles: Float64Array;
  readonly bytesRead: Float64Array;
  readonly bytesWritten: Float64Array;
  readonly macs: Float64Array;
}

/** One executed operator. */
export type TraceRow = {
  readonly [Name in keyof TraceColumns]: Name extends 'modelledUs' ? number | null : TraceColumns[Name][number];
} & { toJSON(): Record<string, unknown> };

/** One column, as Arrow's `Vector` has it. */
export interface TraceColumn<Values extends TraceColumns[keyof TraceColumns]> {
  readonly length: number;
  readonly nullCount: number;
  get(row: number): Values[number] | null;
  toArray(): Values;
  [Symbol.iterator](): IterableIterator<Values[number] | null>;
}

/**
 * The part of Arrow's `Table` that the declarations of `lab` name: those of Arrow are 124 files, which every check of every
 * cell would hold. A cell that imports Arrow says `lab.traceTable<Table>(records)`.
 */
export interface TraceTable extends ArrowLike {
  readonly numCols: number;
  get(row: number): TraceRow | null;
  getChild<Name extends keyof TraceColumns>(name: Name): TraceColumn<TraceColumns[Name]> | null;
  slice(begin?: number, end?: number): TraceTable;
  select(names: (keyof TraceColumns)[]): ArrowLike;
  toArray(): TraceRow[];
  [Symbol.iterator](): IterableIterator<TraceRow>;
}

/** Loaded by `loadTables`: half of what a kernel would otherwise load before its first cell. */
let arrow: typeof import('apache-arrow') | undefined;

/** Makes `traceTable` ready; whoever makes records calls it. */
export async function loadTables(): Promise<void> {
  arrow ??= await import('apache-arrow');
}

/** A column for each of {@link TraceColumns}. `T` is Arrow's own type, where the caller knows it. */
export function traceTable<T extends ArrowLike = TraceTable>(records: readonly TraceRecord[]): T {
  if (arrow === undefined) throw new LabError('lab.no-trace', 'no board of this session has made a trace yet');
  const { Float64, Int32, Table, Utf8, vectorFromArray } = arrow;
  const texts = (field: (record: TraceRecord) => string) => vectorFromArray(records.map(field), new Utf8());
  const integers = (field: (record: TraceRecord) => number) => vectorFromArray(records.map(field), new Int32());
  const numbers = (field: (record: TraceRecord) => number | null) => vectorFromArray(records.map(field), new Float64());
  const table: ArrowLike = new Table({
    operator: texts((record) => record.operator),
    layer: integers((record) => record.layer ?? -1),
    kind: texts((record) => record.kind),
    runsOn: texts((record) => record.runsOn),
    position: integers((record) => record.position),
    rows: integers((record) => record.rows),
    modelledUs: numbers((record) => record.modelledUs),
    cycles: numbers((record) => record.cycles),
    bytesRead: numbers((record) => record.bytesRead),
    bytesWritten: numbers((record) => record.bytesWritten),
    macs: numbers((record) => record.macs),
  });
  return table as T;
}
