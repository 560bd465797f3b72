// Knows symmetric scales and rounding to nearest: scale = absmax / (2^(bits−1) − 1) per row or group.
// Refuses to know Hessians. Surprise: the addon rounds rows to 8 bits only; other widths take its scale times 127 / qmax and are
// rounded by its GPTQ loop with an identity factor, which passes no error on and so is plain rounding.
import { gptqQuantize, quantizeRowsInt8 } from '@npulab/addon';

/** Integer weights [rows, width] and scales [rows, width / group]. */
export interface Rounded {
  readonly q: Int8Array;
  readonly scales: Float32Array;
}

/** Shape and width of a rounding. */
export interface RoundingShape {
  readonly rows: number;
  readonly width: number;
  readonly bits: number;
  /** −1: one scale per row. */
  readonly groupSize: number;
}

const qMax = (bits: number): number => 2 ** (bits - 1) - 1;

/** Rounds w [rows, width] to nearest. */
export async function roundToNearest(w: Float32Array, shape: RoundingShape, signal?: AbortSignal): Promise<Rounded> {
  const { rows, width, bits, groupSize } = shape;
  const group = groupSize === -1 ? width : groupSize;
  const groups = (rows * width) / group;
  const q = new Int8Array(rows * width);
  const scales = new Float32Array(groups);
  await quantizeRowsInt8(w, q, scales, { rows: groups, width: group }, { signal });
  if (bits === 8) return { q, scales };
  for (let i = 0; i < groups; i++) scales[i] = Math.fround((scales[i] as number) * 127) / qMax(bits);
  const strip = largestDivisor(group, 64);
  const perStrip = new Float32Array((rows * width) / strip);
  for (let i = 0; i < perStrip.length; i++) perStrip[i] = scales[Math.floor((i * strip) / group)] as number;
  const identity = new Float32Array(strip * strip);
  for (let i = 0; i < strip; i++) identity[i * strip + i] = 1;
  const loss = new Float32Array(strip);
  const how = { rows: perStrip.length, width: strip, bits, blockSize: strip, groupSize: -1, scales: perStrip };
  await gptqQuantize(w.slice(), identity, how, q, loss, { signal });
  return { q, scales };
}

function largestDivisor(n: number, limit: number): number {
  for (let d = Math.min(n, limit); d > 1; d--) if (n % d === 0) return d;
  return 1;
}
