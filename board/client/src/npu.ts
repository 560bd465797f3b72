/**
 * The NPU by hand, as a cell sees it: register names, command words, single steps, counters, recordings. Knows the public
 * shapes only. Surprising: no register stands here; names, positions and meanings come from the board.
 */
import type { Buffer } from './buffer.js';
import type { CallOptions } from './options.js';
import type { RegisterMap } from './register-map.js';
import type { Matmul, Task } from './task.js';

/** One command word as text. Arrays of these show as tables (a type, not an interface, so that they are records). */
export type DisassembledWord = {
  /** Position in what was disassembled. */
  index: number;
  /** `CNA.DATA_SIZE0`; `barrier`, `enable`, `nop`, or `.word` for a word that means nothing. `; …` begins a task of a listing. */
  word: string;
  /** The value in hexadecimal; empty for a barrier. */
  value: string;
  /** Fields that are not zero, or what is wrong with the word. */
  fields: string;
};

/** A chain of tasks in a buffer: where it begins and what it touches. */
export interface NpuProgram {
  /** Holds the command words. All addresses in them are device addresses, see {@link Npu.address}. */
  buffer: Buffer;
  /** First byte of the first task, a multiple of 16; absent: 0. */
  offsetBytes?: number;
  /** Words of the first task, at most 1024; each tail says the length of the next one. */
  words: number;
  /** Tasks of the chain; absent: 1. */
  tasks?: number;
  /** Interrupt mask of the last task; absent: 0x300 (it ends in the DPU). 0xC00 for pooling. */
  interruptMask?: number;
  /** Buffers the words name by address, so that they cannot be freed while the job runs. */
  operands?: readonly Buffer[];
}

/** Registers that say where the NPU stands. The first three count 8 bytes each since the last start. */
export interface NpuCounters {
  dataWritten: number;
  dataRead: number;
  weightsRead: number;
  /** Finished tasks of the last start. */
  tasksDone: number;
  /** Raw interrupt bits: 0x100 and 0x200 are the DPU's two groups. */
  interruptsRaw: number;
  /** The same, masked. */
  interrupts: number;
}

/** What one task did. */
export interface NpuStep {
  /** Which task, from 0. */
  task: number;
  /** Tasks of the job. */
  tasks: number;
  cycles: number;
  /** Time by the timing model in µs. Never a measurement. */
  modelledUs: number;
  dataReadBytes: number;
  weightReadBytes: number;
  writtenBytes: number;
  /** Registers after the task. */
  counters: NpuCounters;
}

/** A job of command words. */
export interface NpuJob extends Task {
  /**
   * Runs the next task, for jobs submitted with `stepped`. The last one ends the job; then {@link Task.wait} has its report.
   * Fails with `npuFault` and the register, field and rule that stopped the device, and with `badArgument` after the end.
   */
  step(options?: CallOptions): Promise<NpuStep>;
}

/** One file of a recording. */
export interface CapturedFile {
  name: string;
  bytes: Uint8Array;
}

/** Recorded hardware starts: a job that `npulab-npu run JOB.json` replays to equal bytes. */
export interface NpuCapture {
  /** Hardware starts in it. */
  readonly submits: number;
  /** `JOB.json` first. */
  readonly files: readonly CapturedFile[];
  /** SHA-256 of `JOB.json`. */
  readonly digest: string;
  /** Writes all files into a folder, which is made where it is missing; returns the path of `JOB.json`. */
  save(folder: string): Promise<string>;
}

/**
 * The NPU by hand. Recording, stepping and counters need a back end with a probe in it (`sim:rk3568`); elsewhere they fail
 * with `unsupported`.
 */
export interface Npu {
  /** The register map; asked once, then kept. */
  registers(options?: CallOptions): Promise<RegisterMap>;
  /** Where the device sees the first byte of a buffer. */
  address(buffer: Buffer, options?: CallOptions): Promise<number>;
  /**
   * Command words as text: those of a buffer, or those that a job of matrix products would run.
   * @example await board.npu.disassemble({ buffer: commands, words: 117 })
   */
  disassemble(
    what: NpuProgram | Matmul | readonly Matmul[],
    options?: CallOptions,
  ): Promise<readonly DisassembledWord[]>;
  /** Queues command words as one hardware start. With `stepped` it waits for {@link NpuJob.step}. */
  submit(program: NpuProgram, options?: CallOptions & { stepped?: boolean }): Promise<NpuJob>;
  /** Runs the next task of a job submitted with `stepped`: the same as `job.step()`. */
  step(job: NpuJob, options?: CallOptions): Promise<NpuStep>;
  /** Reads the counters. */
  counters(options?: CallOptions): Promise<NpuCounters>;
  /**
   * Records every hardware start of this session while `run` is under way: with their memory, in the format of
   * `npulab-npu run`. Fails with `busy` while another session records and with `tooLarge` above 512 MiB.
   * @example const capture = await board.npu.capture(() => session.step({ until: 'layer' })); await capture.save('capture');
   */
  capture(run: () => Promise<unknown>, options?: CallOptions): Promise<NpuCapture>;
}
