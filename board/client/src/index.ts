/** The public surface of @npulab/board; everything else is inside. */
export { findAgent } from './agent/find.js';
export type { BlobList, BlobReceipt, BlobSource, Blobs } from './blob.js';
export type {
  Board,
  BoardDevice,
  BoardEvent,
  BoardInfo,
  BoardState,
  Connect,
  ConnectOptions,
  PingResult,
  TimingParameter,
} from './board.js';
export { boardsPath, type NamedBoard, readBoards } from './boards-file.js';
export type { Buffer, DType, Memory, Range, Summary } from './buffer.js';
export { connect } from './connect.js';
export { type CaptureKind, type Decoded, decodeCapture, decodedText, guessKind } from './decode.js';
export type { BoardErrorCode, HostCode, WireCode } from './errors.js';
export { BoardError, hostCodes, wireCodes } from './errors.js';
export type {
  GeneratedToken,
  GenerateOptions,
  Generation,
  InferenceSession,
  InferenceState,
  Sampling,
  StepResult,
  StopReason,
  TensorData,
  TensorHandle,
} from './inference.js';
export type { Lease, LeaseOptions, LeaseState, Leases } from './lease.js';
export type { LinkCounts, LinkTest } from './link-test.js';
export type { LoadedModel, ModelFiles, ModelInfo, Models, OperatorInfo } from './model.js';
export type {
  CapturedFile,
  DisassembledWord,
  Npu,
  NpuCapture,
  NpuCounters,
  NpuJob,
  NpuProgram,
  NpuStep,
} from './npu.js';
export type { CallOptions, Progress, ProgressOptions } from './options.js';
export type { NextTask, RegisterBlock, RegisterField, RegisterInfo, RegisterValue, TaskMix } from './register-map.js';
export { RegisterMap } from './register-map.js';
export { describeHolder, holderOf, type PortHolder } from './serial/lock.js';
export type { ClockEstimate } from './session/clock-sync.js';
export type {
  JobReport,
  Matmul,
  MatmulFp16,
  MatmulInt8,
  MatmulShape,
  Operand,
  Task,
  TaskReport,
  Tasks,
} from './task.js';
export type { TraceRecord } from './trace.js';
