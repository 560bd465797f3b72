/** Results of the methods as public shapes: link.cddl, from `board-info` on. Refuses to know who asked. */
import type { BoardDevice, BoardInfo } from '../board.js';
import type { DType, Summary } from '../buffer.js';
import type { Wire } from '../frame/cbor.js';
import { damaged } from '../frame/header.js';
import type { InferenceState, StopReason } from '../inference.js';
import type { ModelInfo, OperatorInfo } from '../model.js';
import type { JobReport } from '../task.js';
import { Reader, toHex } from './reader.js';

const dtypes: readonly DType[] = ['i8', 'u8', 'i16', 'i32', 'f16', 'f32'];
const stopReasons: readonly StopReason[] = ['maxTokens', 'stopToken', 'contextFull', 'cancelled'];

/** Bytes of one element. */
export const elementBytes: Readonly<Record<DType, number>> = { i8: 1, u8: 1, i16: 2, i32: 4, f16: 2, f32: 4 };

/** Facts that HELLO and the client add to `board-info`. */
type AddedInfo = Pick<BoardInfo, 'clockHz' | 'capabilities' | 'clientVersion' | 'url' | 'bootId'>;

/** board-info. */
export function readBoardInfo(result: Wire, added: AddedInfo): BoardInfo {
  const reader = new Reader(result, 'board-info');
  return {
    soc: reader.text(0),
    backend: reader.text(1),
    modelled: reader.bool(2),
    npuClockHz: reader.uint(3),
    ddrClockHz: reader.uint(4) || null,
    bandwidthBoundBytesPerSecond: reader.uint(5) || null,
    memoryBytes: reader.uint(6),
    freeBytes: reader.uint(7),
    agentVersion: reader.text(8),
    driverVersion: reader.text(9),
    os: reader.text(10),
    kernelIsa: reader.text(11),
    parameters: reader
      .readers(12)
      .map((one) => ({ name: one.text(0), value: one.uint(1), unit: one.text(2), source: one.text(3) })),
    logFile: reader.text(13),
    ...added,
  };
}

/** [* device] */
export function readDevices(result: Wire): BoardDevice[] {
  if (!Array.isArray(result)) throw damaged('sys.devices: no list');
  return result.map((value, index) => {
    const reader = new Reader(value, `device[${index}]`);
    return { name: reader.text(0), type: reader.text(1), irq: reader.uintOrNull(2) };
  });
}

/** summary */
export function readSummary(reader: Reader): Summary {
  return {
    min: reader.float(0),
    max: reader.float(1),
    mean: reader.float(2),
    standardDeviation: reader.float(3),
    nanCount: reader.uint(4),
    histogram: reader.uints(5),
    digest: toHex(reader.bytes(6, 32)),
    cosine: reader.has(7) ? reader.float(7) : null,
    euclideanDistance: reader.has(8) ? reader.float(8) : null,
  };
}

/** job-report */
export function readJobReport(result: Wire, clockHz: number): JobReport {
  const reader = new Reader(result, 'job-report');
  const startTicks = reader.ticks(2);
  const endTicks = reader.ticks(3);
  return {
    operations: reader.readers(0).map((one) => ({
      tasks: one.uint(0),
      macs: one.uint(1),
      cycles: one.uint(2),
      modelledUs: micros(one.uintOrNull(3)),
      dataReadBytes: one.uint(4),
      weightReadBytes: one.uint(5),
      writtenBytes: one.uint(6),
    })),
    modelledUs: micros(reader.uintOrNull(1)),
    startTicks,
    endTicks,
    elapsedUs: ((endTicks - startTicks) * 1e6) / clockHz,
    hardwareStarts: reader.uint(4),
  };
}

/** Nanoseconds of the wire as µs. */
export function micros(nanoseconds: number | null): number | null {
  return nanoseconds === null ? null : nanoseconds / 1000;
}

/** model-info */
export function readModelInfo(reader: Reader): ModelInfo {
  return {
    name: reader.text(0),
    layers: reader.uint(1),
    hidden: reader.uint(2),
    intermediate: reader.uint(3),
    heads: reader.uint(4),
    kvHeads: reader.uint(5),
    vocabulary: reader.uint(6),
    context: reader.uint(7),
    weightBytes: reader.uint(8),
    bytesPerToken: reader.uint(9),
  };
}

/** [+ operator] */
export function readOperators(payload: Wire): OperatorInfo[] {
  if (!Array.isArray(payload)) throw damaged('model.operators: no list');
  return payload.map((value, index) => {
    const reader = new Reader(value, `operator[${index}]`);
    return {
      name: reader.text(0),
      layer: reader.uintOrNull(1),
      kind: reader.text(2),
      runsOn: reader.oneOf(3, ['npu', 'cpu'] as const),
      inner: reader.uint(4),
      outer: reader.uint(5),
    };
  });
}

/** inference-state */
export function readInferenceState(reader: Reader): InferenceState {
  return {
    position: reader.uint(0),
    nextOperator: reader.uint(1),
    lastToken: reader.uintOrNull(2),
    tokens: reader.uints(3),
  };
}

/** stop-reason */
export function readStopReason(reader: Reader, key: number): StopReason {
  return reader.oneOf(key, stopReasons);
}

/** tensor-info */
export function readTensorInfo(reader: Reader): { name: string; dtype: DType; shape: number[] } {
  return { name: reader.text(0), dtype: reader.oneOf(1, dtypes), shape: reader.uints(2) };
}
