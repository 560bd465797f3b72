/** Trace records: 72 bytes each, link.cddl at its end. Knows the layout; operators' names come from the model. */
import { damaged } from '../frame/header.js';
import type { OperatorInfo } from '../model.js';
import type { TraceRecord } from '../trace.js';
import { micros } from './results.js';

const recordBytes = 72;
const noTime = 0xffff_ffff_ffff_ffffn;

/** Reads the records of a body. Fails with `board.damaged-message` on a broken length or an operator the model has not. */
export function readTraceRecords(body: Uint8Array | null, operators: readonly OperatorInfo[]): TraceRecord[] {
  if (!body) return [];
  if (body.byteLength % recordBytes !== 0) throw damaged(`trace records of ${body.byteLength} bytes`);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return Array.from({ length: body.byteLength / recordBytes }, (_, index) =>
    readRecord(view, index * recordBytes, operators),
  );
}

function readRecord(view: DataView, at: number, operators: readonly OperatorInfo[]): TraceRecord {
  const index = view.getUint32(at, true);
  const operator = operators[index];
  if (!operator) throw damaged(`a trace record of operator ${index}; the model has ${operators.length}`);
  const runsOn = view.getUint32(at + 12, true);
  if (runsOn > 1) throw damaged(`a trace record that ran on ${runsOn}`);
  const modelledNs = view.getBigUint64(at + 32, true);
  const big = (offset: number) => Number(view.getBigUint64(at + offset, true));
  return {
    operator: operator.name,
    layer: operator.layer,
    kind: operator.kind,
    runsOn: runsOn === 1 ? 'npu' : 'cpu',
    position: view.getUint32(at + 4, true),
    rows: view.getUint32(at + 8, true),
    startTicks: big(16),
    endTicks: big(24),
    modelledUs: micros(modelledNs === noTime ? null : Number(modelledNs)),
    cycles: big(40),
    bytesRead: big(48),
    bytesWritten: big(56),
    macs: big(64),
  };
}
