// Declares what build/npulab.node provides and loads it at the first call. Knows argument orders; adds nothing.
// The surprising point: a kernel answers a code (0 is success), at once or as a promise; call.ts turns codes into errors.
import { createRequire } from 'node:module';
import { AddonError } from './errors.js';

/** Cancel flag: the kernels stop soon after its one element becomes non-zero. */
export type Flag = Uint32Array | null;
/** A code of npu_kernels.h, or a promise of one when the call was not run at once. */
export type Answer = number | Promise<number>;

/** The functions of the native module; every kernel ends with its flag and whether to run at once. */
export interface Native {
  kernels(): { isa: string; threads: number; version: string };
  setThreads(count: number): void;
  forceIsa(name: string | undefined): number;
  sweep(): void;
  mapFile(path: string): ArrayBuffer;
  unmap(buffer: ArrayBuffer): void;
  // biome-ignore format: one line per kernel
  matmulF32(a: Float32Array, b: Float32Array, c: Float32Array, m: number, k: number, n: number, flag: Flag, atOnce: boolean): Answer;
  // biome-ignore format: one line per kernel
  matmulInt8(a: Int8Array, b: Int8Array, c: Int32Array, m: number, k: number, n: number, flag: Flag, atOnce: boolean): Answer;
  gram(x: Float32Array, h: Float32Array, rows: number, width: number, flag: Flag, atOnce: boolean): Answer;
  // biome-ignore format: one line per kernel
  gptqFactor(h: Float32Array, factor: Float32Array, width: number, dampFraction: number, flag: Flag, atOnce: boolean): Answer;
  // biome-ignore format: one line per kernel
  gptqQuantize(w: Float32Array, factor: Float32Array, scales: Float32Array, permutation: Int32Array | null, q: Int8Array, columnLoss: Float32Array, rows: number, width: number, bits: number, blockSize: number, groupSize: number, flag: Flag, atOnce: boolean): Answer;
  add(a: Float32Array, b: Float32Array, out: Float32Array, flag: Flag, atOnce: boolean): Answer;
  siluMul(gate: Float32Array, up: Float32Array, out: Float32Array, flag: Flag, atOnce: boolean): Answer;
  // biome-ignore format: one line per kernel
  rmsNorm(x: Float32Array, weight: Float32Array, out: Float32Array, rows: number, width: number, eps: number, flag: Flag, atOnce: boolean): Answer;
  softmaxRows(x: Float32Array, rows: number, width: number, flag: Flag, atOnce: boolean): Answer;
  // biome-ignore format: one line per kernel
  rope(x: Float32Array, rows: number, heads: number, headDim: number, firstPosition: number, theta: number, flag: Flag, atOnce: boolean): Answer;
  // biome-ignore format: one line per kernel
  attention(q: Float32Array, k: Float32Array, v: Float32Array, out: Float32Array, rows: number, heads: number, kvHeads: number, headDim: number, firstPosition: number, flag: Flag, atOnce: boolean): Answer;
  // biome-ignore format: one line per kernel
  quantizeRowsInt8(x: Float32Array, q: Int8Array, scales: Float32Array, rows: number, width: number, flag: Flag, atOnce: boolean): Answer;
  // biome-ignore format: one line per kernel
  dequantize(acc: Int32Array, rowScales: Float32Array, columnScales: Float32Array, out: Float32Array, rows: number, columns: number, flag: Flag, atOnce: boolean): Answer;
  bf16ToF32(x: Uint16Array, out: Float32Array, flag: Flag, atOnce: boolean): Answer;
  f16ToF32(x: Uint16Array, out: Float32Array, flag: Flag, atOnce: boolean): Answer;
  f32ToF16(x: Float32Array, out: Uint16Array, flag: Flag, atOnce: boolean): Answer;
  f32ToBf16(x: Float32Array, out: Uint16Array, flag: Flag, atOnce: boolean): Answer;
  // biome-ignore format: one line per kernel
  nllRows(logits: Float32Array, targets: Int32Array, out: Float32Array, rows: number, width: number, flag: Flag, atOnce: boolean): Answer;
  // biome-ignore format: one line per kernel
  klRows(p: Float32Array, q: Float32Array, out: Float32Array, rows: number, width: number, flag: Flag, atOnce: boolean): Answer;
  argmaxRows(logits: Float32Array, out: Int32Array, rows: number, width: number, flag: Flag, atOnce: boolean): Answer;
}

let loaded: Native | undefined;

/** The native module. Errors: `addon.not-built`. */
export function native(): Native {
  if (loaded === undefined) {
    try {
      loaded = createRequire(import.meta.url)('../build/npulab.node') as Native;
    } catch (cause) {
      throw new AddonError('addon.not-built', 'the native module addon/build/npulab.node cannot be loaded', { cause });
    }
  }
  return loaded;
}
