import { fileURLToPath } from 'node:url';
import type { TraceRecord } from '@npulab/board';
import { type Table, tableFromIPC, tableToIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Checker } from '../../src/engine/front/checker.js';
import { loadTables, traceTable } from '../../src/lab/trace.js';

const record: TraceRecord = {
  ...{ operator: 'layers.3.mlp.down_proj', layer: 3, kind: 'matmul', runsOn: 'npu', position: 5, rows: 2 },
  ...{ startTicks: 10, endTicks: 30, modelledUs: 1.5, cycles: 900, bytesRead: 64, bytesWritten: 32, macs: 4096 },
};
const head: TraceRecord = { ...record, operator: 'lm_head', layer: null, runsOn: 'cpu', modelledUs: null };

test('a trace is an Arrow table that has what its declaration says', async () => {
  await loadTables();
  const table = traceTable([record, head]);
  expect([table.numRows, table.numCols]).toEqual([2, 11]);
  expect(table.get(1)?.toJSON()).toEqual({
    ...{ operator: 'lm_head', layer: -1, kind: 'matmul', runsOn: 'cpu', position: 5, rows: 2 },
    ...{ modelledUs: null, cycles: 900, bytesRead: 64, bytesWritten: 32, macs: 4096 },
  });
  expect(table.getChild('layer')?.toArray()).toEqual(Int32Array.of(3, -1));
  expect(table.getChild('operator')?.toArray()).toEqual(['layers.3.mlp.down_proj', 'lm_head']);
  expect([...(table.getChild('modelledUs') ?? [])]).toEqual([1.5, null]);
  expect(table.getChild('modelledUs')).toMatchObject({ length: 2, nullCount: 1 });
  expect([...table].map(({ operator, runsOn }) => `${operator} ${runsOn}`)).toEqual([
    'layers.3.mlp.down_proj npu',
    'lm_head cpu',
  ]);
  expect(table.slice(1).toArray()[0]?.operator).toBe('lm_head');
  expect(table.select(['kind', 'macs']).schema.fields.map(({ name }) => name)).toEqual(['kind', 'macs']);
  const read = tableFromIPC(tableToIPC(traceTable<Table>([record])));
  expect(read.getChild('cycles')?.toArray()).toEqual(Float64Array.of(900));
});

describe('to the checker', () => {
  const names = fileURLToPath(new URL('../../types/cell-names.d.ts', import.meta.url));
  const checker = new Checker(fileURLToPath(new URL('../../..', import.meta.url)), names);
  afterAll(() => checker.close());
  beforeAll(() => checker.start());
  const asked = (text: string) =>
    checker.explore(text, async ({ program }, file) => ({
      complaints: (await program.getSemanticDiagnostics(file)).map(({ text }) => text),
      arrow: (await program.getSourceFileNames()).filter((one) => one.includes('/apache-arrow/')).length,
    }));

  test('a cell holds no declaration of Arrow, and its columns have their types', async () => {
    const text =
      "const at: Int32Array | undefined = lab.traceTable([]).getChild('layer')?.toArray(); lab.table(lab.traceTable([]));";
    expect(await asked(text)).toEqual({ complaints: [], arrow: 0 });
    expect((await asked("lab.traceTable([]).getChild('cycle')")).complaints).toEqual([
      expect.stringContaining("'\"cycle\"' is not assignable to parameter of type 'keyof TraceColumns'"),
    ]);
    expect((await asked('const no: string = lab.traceTable([]);')).complaints).toHaveLength(1);
  });

  test('a cell that imports Arrow gives the table to its functions', async () => {
    const text =
      "import { type Table, tableToIPC } from 'apache-arrow';\nconst table: Table = lab.traceTable([]);\ntableToIPC(lab.traceTable([])); lab.traceTable<Table>([]).concat(table);";
    const { complaints, arrow } = await asked(text);
    expect(complaints).toEqual([]);
    expect(arrow).toBeGreaterThan(100);
  });
});
