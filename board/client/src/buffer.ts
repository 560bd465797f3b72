/** Device memory as a cell sees it. Knows the public shapes only; refuses to know message numbers and pieces. */
import type { CallOptions, ProgressOptions } from './options.js';

/** Element types the board can summarize, and tensors can have. */
export type DType = 'i8' | 'u8' | 'i16' | 'i32' | 'f16' | 'f32';

/** Figures of a range of elements, computed on the board; the elements stay there. */
export interface Summary {
  min: number;
  max: number;
  mean: number;
  standardDeviation: number;
  nanCount: number;
  /** Counts of 32 equal bins from `min` to `max`. */
  histogram: readonly number[];
  /** SHA-256 of the bytes, 64 hex digits. */
  digest: string;
  /** Cosine similarity to the reference, where one was named; else null. */
  cosine: number | null;
  /** Euclidean distance to the reference, where one was named; else null. */
  euclideanDistance: number | null;
}

/** Part of a buffer. Absent: from 0, to the end. */
export interface Range {
  offsetBytes?: number;
  lengthBytes?: number;
}

/**
 * A piece of device memory. Lives until {@link Buffer.free} or the end of the session; using it later fails with
 * `staleHandle`. Ranges are checked here before anything is sent (`board.bad-argument`).
 */
export interface Buffer {
  readonly sizeBytes: number;
  /**
   * Copies bytes into the buffer, in pieces of at most 768 KiB that are read when their turn comes: leave the data alone
   * until the promise settles. After an error a prefix may have been written.
   */
  write(data: ArrayBufferView | ArrayBuffer, options?: ProgressOptions & { offsetBytes?: number }): Promise<void>;
  /** Copies bytes out of the buffer into fresh memory (its `buffer` may be viewed as any typed array). */
  read(options?: CallOptions & Range): Promise<Uint8Array<ArrayBuffer>>;
  /** Sets every byte of the range to `byte` (0 … 255). */
  fill(byte: number, options?: CallOptions & Range): Promise<void>;
  /** Figures of `count` elements of type `dtype` from `offsetBytes` on; absent: to the end. */
  summary(options: CallOptions & { dtype: DType; offsetBytes?: number; count?: number }): Promise<Summary>;
  /** SHA-256 of the range, 64 hex digits, computed on the board. */
  digest(options?: CallOptions & Range): Promise<string>;
  /** Gives the memory back. Safe to call twice and after the session has ended. */
  free(options?: CallOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Device memory of the board. */
export interface Memory {
  /**
   * Allocates device memory, zeroed. Fails with `outOfMemory` (fields: `requestedBytes`, `freeBytes` where the board
   * says so) or `noSpace` (the session's quota).
   */
  allocate(sizeBytes: number, options?: CallOptions): Promise<Buffer>;
}
