// Files as memory. Knows bytes and lifetimes; refuses to know formats. Files beyond 2 GiB work, which fs.readFile refuses.
import { getSystemErrorName } from 'node:util';
import { AddonError } from './errors.js';
import { native } from './native.js';

/**
 * A file mapped into memory, page by page as it is read. Treat the bytes as read-only: a write stays private to this
 * process and never reaches the file. Truncating the file while it is mapped ends the process when the lost pages are read.
 */
export interface MappedFile extends Disposable {
  /** The bytes; detached (every view has length 0) after {@link MappedFile.close}. */
  readonly buffer: ArrayBuffer;
  /** Size of the file when it was mapped. */
  readonly sizeBytes: number;
  /** Unmaps; twice is fine. Kernels still reading finish first. Without it, garbage collection does the same later. */
  close(): void;
}

/** Maps a whole regular file. Throws `addon.map-failed` (the cause carries `code`, e.g. `ENOENT`) or `addon.not-built`. */
export function mapFile(path: string): MappedFile {
  if (typeof path !== 'string') throw new AddonError('addon.wrong-type', 'mapFile: the path must be a string');
  const { mapFile: map, unmap } = native();
  let buffer: ArrayBuffer;
  try {
    buffer = map(path);
  } catch (error) {
    if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
      Object.assign(error, { code: getSystemErrorName(-error.errno), path, syscall: 'mmap' });
    }
    throw new AddonError('addon.map-failed', `cannot map ${path}`, { cause: error });
  }
  const close = () => unmap(buffer);
  return { buffer, sizeBytes: buffer.byteLength, close, [Symbol.dispose]: close };
}
