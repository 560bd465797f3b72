/** Trace records as an Apache Arrow table: one row per executed operator, ready to filter, print or export. */
import type { TraceRecord } from '@npulab/board';
import type { Table } from 'apache-arrow';
import { LabError } from './errors.js';

/** Loaded by `loadTables`: half of what a kernel would otherwise load before its first cell. */
let arrow: typeof import('apache-arrow') | undefined;

/** Makes `traceTable` ready; whoever makes records calls it. */
export async function loadTables(): Promise<void> {
  arrow ??= await import('apache-arrow');
}

/** Columns: operator, layer (−1 outside the layers), kind, runsOn, position, rows, modelledUs (null where none), cycles, bytesRead, bytesWritten, macs. */
export function traceTable(records: readonly TraceRecord[]): Table {
  if (arrow === undefined) throw new LabError('lab.no-trace', 'no board of this session has made a trace yet');
  const { Float64, Int32, Table, Utf8, vectorFromArray } = arrow;
  const texts = (field: (record: TraceRecord) => string) => vectorFromArray(records.map(field), new Utf8());
  const integers = (field: (record: TraceRecord) => number) => vectorFromArray(records.map(field), new Int32());
  const numbers = (field: (record: TraceRecord) => number | null) => vectorFromArray(records.map(field), new Float64());
  return new Table({
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
}
