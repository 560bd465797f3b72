// Knows the manifest: the JSON blob that names a model's files on the wire (sorted keys, UTF-8).
// Refuses to know the wire. Surprise: the manifest's bytes are the model's identity; a key more would change every digest.
import { createHash } from 'node:crypto';

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

/** sha256 (hex) of {@link manifestBytes}. */
export function manifestDigest(manifest: Manifest): string {
  return createHash('sha256').update(manifestBytes(manifest)).digest('hex');
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
