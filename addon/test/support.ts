// What the tests share: seeded numbers, and a plain f32 step.

/** Values in [−1, 1), the same for the same seed. */
export function floats(seed: number, count: number): Float32Array<ArrayBuffer> {
  let state = seed >>> 0 || 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 8388608 - 1;
  });
}

/** int8 values over their whole range. */
export function bytes(seed: number, count: number): Int8Array<ArrayBuffer> {
  return Int8Array.from(floats(seed, count), (value) => Math.floor(value * 128));
}

/** Largest |got − want| / max(1, |want|). */
export function worstError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let worst = got.length === want.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs((got[i] as number) - (want[i] as number)) / Math.max(1, Math.abs(want[i] as number));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

/** Bit patterns, for comparisons byte by byte. */
export function bits(x: Float32Array): Uint32Array {
  return new Uint32Array(Float32Array.from(x).buffer);
}
