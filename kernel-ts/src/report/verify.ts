/**
 * Proves a report: takes the notebook out of it, runs it again and compares digests. Stored outputs are never trusted.
 * Knows the report's record; how a notebook is run is handed in.
 */
import { type CellDigest, digestsOf } from './digest.js';
import { ReportError } from './errors.js';
import { type Notebook, notebookOf } from './notebook.js';
import type { ReportRecord } from './provenance.js';
import { recordElement } from './render.js';

/** First place where the two runs part. */
export interface Difference {
  /** Index among the code cells, from 1. */
  readonly cell: number;
  readonly id: string;
  /** Output index from 1; 0 where the number of outputs differs. */
  readonly output: number;
  /** MIME type, stream or `error`. */
  readonly part: string;
  readonly what: string;
}

export interface Verification {
  readonly equal: boolean;
  readonly comparedCells: number;
  readonly comparedOutputs: number;
  readonly volatileOutputs: number;
  readonly differences: readonly Difference[];
}

/** Reads the record out of a report's HTML. Error: `report.not-a-report`. */
export function recordIn(html: string, name: string): ReportRecord {
  const from = html.lastIndexOf(recordElement.open);
  const to = from < 0 ? -1 : html.indexOf(recordElement.close, from);
  if (to < 0) throw new ReportError('report.not-a-report', `${name} carries no record of a run`);
  let record: Partial<ReportRecord> | null;
  try {
    record = JSON.parse(html.slice(from + recordElement.open.length, to));
  } catch (error) {
    throw new ReportError('report.not-a-report', `${name}: its record is damaged`, { cause: error });
  }
  if (typeof record !== 'object' || record === null || record.schema !== 1 || !Array.isArray(record.cells)) {
    throw new ReportError(
      'report.not-a-report',
      `${name}: its record has schema ${String(record?.schema)}, this build reads 1`,
    );
  }
  notebookOf(record.notebook, name);
  return record as ReportRecord;
}

/** Throws `report.different-build` where the builds are not those of the report. */
export function checkBuilds(record: ReportRecord, here: Readonly<Record<string, string>>): void {
  const names = new Set([...Object.keys(record.builds ?? {}), ...Object.keys(here)]);
  const different = [...names].filter((name) => record.builds?.[name] !== here[name]);
  if (different.length === 0) return;
  const list = different
    .map((name) => `${name} ${record.builds?.[name] ?? 'absent'} (here ${here[name] ?? 'absent'})`)
    .join(', ');
  throw new ReportError('report.different-build', `the report was made by ${list}`);
}

function outputDifferences(recorded: CellDigest, found: CellDigest, cell: number): Difference[] {
  const at = { cell, id: recorded.id };
  if (recorded.outputs.length !== found.outputs.length) {
    return [
      {
        ...at,
        output: 0,
        part: 'outputs',
        what: `${recorded.outputs.length} outputs in the report, ${found.outputs.length} now`,
      },
    ];
  }
  return recorded.outputs.flatMap((output, index) => {
    const now = found.outputs[index] ?? {};
    const parts = [...new Set([...Object.keys(output), ...Object.keys(now)])].sort();
    return parts
      .filter((part) => output[part] !== now[part])
      .map((part) => ({
        ...at,
        output: index + 1,
        part,
        what: output[part] === undefined ? 'only now' : now[part] === undefined ? 'only in the report' : 'differs',
      }));
  });
}

/** Compares a record with a fresh run of its notebook. */
export function compareRuns(record: ReportRecord, executed: Notebook): Verification {
  const found = digestsOf(executed);
  const differences: Difference[] = [];
  if (found.length !== record.cells.length) {
    differences.push({
      cell: 0,
      id: '',
      output: 0,
      part: 'cells',
      what: `${record.cells.length} code cells in the report, ${found.length} now`,
    });
  }
  for (const [index, recorded] of record.cells.entries()) {
    const now = found[index];
    if (now !== undefined) differences.push(...outputDifferences(recorded, now, index + 1));
  }
  return {
    equal: differences.length === 0,
    comparedCells: record.cells.length,
    comparedOutputs: record.cells.reduce((sum, cell) => sum + cell.outputs.length, 0),
    volatileOutputs: record.cells.reduce((sum, cell) => sum + cell.volatileOutputs, 0),
    differences,
  };
}
