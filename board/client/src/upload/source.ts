/** Bytes to upload, in memory or in a file, read in pieces. Knows files; refuses to know chunks and boards. */
import { open } from 'node:fs/promises';
import type { BlobSource } from '../blob.js';
import { BoardError } from '../errors.js';

/** An open source. */
export interface OpenSource {
  /** For messages. */
  name: string;
  sizeBytes: number;
  /** Reads exactly this range into memory of its own; fails with `board.upload-source` where the file became shorter. */
  read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** Opens a source; fails with `board.upload-source`. */
export async function openSource(source: BlobSource): Promise<OpenSource> {
  if (source instanceof Uint8Array) {
    return {
      name: `${source.byteLength} bytes`,
      sizeBytes: source.byteLength,
      read: async (offset, length) => new Uint8Array(source.subarray(offset, offset + length)),
      close: async () => undefined,
    };
  }
  const { path } = source;
  try {
    const file = await open(path, 'r');
    const stat = await file.stat();
    if (!stat.isFile()) {
      await file.close();
      throw failure(path, 'it is not a file');
    }
    return {
      name: path,
      sizeBytes: stat.size,
      read: (offset, length) => readExactly(file, path, offset, length),
      close: () => file.close(),
    };
  } catch (cause) {
    if (cause instanceof BoardError) throw cause;
    throw failure(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

async function readExactly(
  file: Awaited<ReturnType<typeof open>>,
  path: string,
  offsetBytes: number,
  lengthBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const target = new Uint8Array(lengthBytes);
  let filled = 0;
  while (filled < lengthBytes) {
    const { bytesRead } = await file.read(target, filled, lengthBytes - filled, offsetBytes + filled);
    if (bytesRead === 0) throw failure(path, 'it became shorter during the upload');
    filled += bytesRead;
  }
  return target;
}

function failure(path: string, why: string, cause?: unknown): BoardError {
  return new BoardError('board.upload-source', `Cannot upload ${path}: ${why}`, { cause, fields: { path } });
}
