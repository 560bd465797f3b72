/** Consistent Overhead Byte Stuffing: bytes without zeros, at most one more in 254. Knows no frame and no mask. */

/** Largest encoding of `sizeBytes` bytes. */
export function cobsBound(sizeBytes: number): number {
  return sizeBytes + Math.floor(sizeBytes / 254) + 1;
}

/** Writes the encoding of `source`, each byte XORed with `mask` except the first, into `target`; returns its length. */
export function cobsEncode(source: Uint8Array, target: Uint8Array, mask = 0): number {
  let code = 0;
  let at = 1;
  let run = 1;
  for (let index = 0; index < source.byteLength; index += 1) {
    const byte = index === 0 ? source[0]! : source[index]! ^ mask;
    if (byte !== 0) {
      target[at] = byte;
      at += 1;
      run += 1;
    }
    if (byte === 0 || run === 255) {
      target[code] = run;
      code = at;
      run = 1;
      // A full run at the very end needs no further code.
      if (byte !== 0 && index === source.byteLength - 1) return at;
      at += 1;
    }
  }
  target[code] = run;
  return at;
}

/** The decoding; null where `source` is none (it holds a zero, or a code points beyond the end). */
export function cobsDecode(source: Uint8Array): Uint8Array | null {
  const target = new Uint8Array(source.byteLength);
  let at = 0;
  let index = 0;
  while (index < source.byteLength) {
    const code = source[index]!;
    if (code === 0 || index + code > source.byteLength) return null;
    for (let next = index + 1; next < index + code; next += 1) {
      if (source[next] === 0) return null;
      target[at] = source[next]!;
      at += 1;
    }
    index += code;
    if (code !== 255 && index < source.byteLength) {
      target[at] = 0;
      at += 1;
    }
  }
  return target.subarray(0, at);
}
