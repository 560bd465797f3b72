// Knows the manifest: the JSON blob that names a model's files on the wire (sorted keys, UTF-8).
// Refuses to know the wire. Surprise: a model's digest covers the files only, not the name: a moved folder is the same model.
import { createHash } from 'node:crypto';
import { breathe } from '../pace.js';

const HASH_BYTES = 1 << 21;

/** sha256 (hex) and size of one file. */
export interface ManifestFile {
  /** sha256 of the bytes, lower-case hex. */
  readonly sha256: string;
  /** Length in bytes. */
  readonly sizeBytes: number;
}

/** The files of one model. */
export interface Manifest {
  readonly format: 'npulab.model.v1';
  /** Name shown to people. */
  readonly name: string;
  /** By file name. */
  readonly files: Readonly<Record<string, ManifestFile>>;
}

/** The manifest's bytes as sent: JSON, keys sorted, no white space. */
export function manifestBytes(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(sorted(manifest)));
}

/** sha256 (hex) of the canonical JSON of the manifest's `files`: equal for equal files, whatever the model is called. */
export function modelDigest(manifest: Manifest): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(manifest.files)))
    .digest('hex');
}

/** sha256 and size of a file given as chunks; gives way to other work every 10 ms. Errors: `quant.cancelled`. */
export async function hashChunks(chunks: Iterable<Uint8Array>, signal?: AbortSignal): Promise<ManifestFile> {
  const hash = createHash('sha256');
  const breath = breathe(signal);
  let sizeBytes = 0;
  for (const chunk of chunks) {
    sizeBytes += chunk.length;
    for (let at = 0; at < chunk.length; at += HASH_BYTES) {
      hash.update(chunk.subarray(at, at + HASH_BYTES));
      if (breath.due()) await breath.take();
    }
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
