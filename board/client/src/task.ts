/** NPU jobs as a cell sees them. Knows the public shapes only; refuses to know registers and message numbers. */
import type { Buffer } from './buffer.js';
import type { CallOptions } from './options.js';

/** Where an operand lies. */
export interface Operand {
  buffer: Buffer;
  /** Absent: 0. */
  offsetBytes?: number;
}

/** C = A · Bᵀ: A [m,k], B [n,k], C [m,n]. Operands are checked against their buffers before sending. */
export interface MatmulShape {
  m: number;
  k: number;
  n: number;
  a: Operand;
  b: Operand;
  c: Operand;
  /** `rowMajor` (default): the agent packs and unpacks. `native`: the buffers hold the NPU's own layout. */
  layout?: 'rowMajor' | 'native';
}

/** int8 · int8 → int32, exact. */
export interface MatmulInt8 extends MatmulShape {
  kind: 'matmulInt8';
}

/**
 * fp16 · fp16 → fp32, summed in fp32: agreement with another machine is a tolerance. A and B hold the bits of halves (`Uint16Array`), C
 * those of floats (`Float32Array`). Boards that announce `task.matmulFp16` know it; one that runs on the CPU alone refuses it as `unsupported`.
 */
export interface MatmulFp16 extends MatmulShape {
  kind: 'matmulFp16';
}

/** An operation of a job. */
export type Matmul = MatmulInt8 | MatmulFp16;

/** What one operation of a job cost. */
export interface TaskReport {
  /** Hardware tasks the operation was cut into. */
  tasks: number;
  macs: number;
  cycles: number;
  /** Time by the timing model in µs; null where the back end has none. Never a measurement. */
  modelledUs: number | null;
  dataReadBytes: number;
  weightReadBytes: number;
  writtenBytes: number;
}

/** What a job cost. */
export interface JobReport {
  /** One entry per operation, in the order submitted. */
  operations: readonly TaskReport[];
  /** Time of the whole job by the timing model in µs; null where the back end has none. Never a measurement. */
  modelledUs: number | null;
  /** The board's clock before and after, ticks of `BoardInfo.clockHz`: what the host of the back end really took. */
  startTicks: number;
  endTicks: number;
  /** `endTicks - startTicks` in µs: host time on a simulator, board time on a board. */
  elapsedUs: number;
  /** How often the hardware was started. */
  hardwareStarts: number;
}

/** A job on its way through the NPU. */
export interface Task {
  /**
   * Waits for the end of the job. May be called again. Fails with `npuTimeout`, `npuFault` (fields say where) or
   * `deviceStuck`. Cancelling the wait does not stop the job.
   */
  wait(options?: CallOptions): Promise<JobReport>;
}

/** The NPU's queue. */
export interface Tasks {
  /** Queues one job of one or more operations that run in order. Returns when the board has accepted it, before it has run. */
  submit(job: Matmul | readonly Matmul[], options?: CallOptions): Promise<Task>;
}
