/** The board's blob store. The upload itself runs in the link thread; refuses to know what a blob means. */
import type { BlobSource, Blobs } from '../blob.js';
import { damaged } from '../frame/header.js';
import { invoke } from '../messages/invoke.js';
import { digestBytes, Reader, toHex } from '../messages/reader.js';
import { pick, tell } from './buffer.js';
import { type BoardContext, badArgument } from './context.js';

/** {@link Blobs} of a board. */
export function blobsOf({ client }: BoardContext): Blobs {
  return {
    async has(ids, options = {}) {
      if (ids.length === 0) return [];
      const digests = ids.map((id) => digestBytes(id) ?? fail(id));
      const { result } = await invoke(client, 'blob.has', { 0: digests }, pick(options));
      const answers = new Reader(result, 'blob.has').list(0);
      if (answers.length !== ids.length)
        throw damaged(`blob.has: ${answers.length} answers to ${ids.length} questions`);
      return answers.map((answer) => answer === true);
    },
    async put(source, options = {}) {
      const [receipt] = await client.upload(
        [ownSource(source)],
        options.timeoutMs ?? null,
        options.signal,
        (progress) => tell(options.onProgress, progress),
      );
      return receipt!;
    },
    async list(options = {}) {
      const { result } = await invoke(client, 'blob.list', {}, pick(options));
      const reader = new Reader(result, 'blob.list');
      return {
        blobs: reader
          .readers(0)
          .map((blob) => ({ id: toHex(blob.bytes(0, 32)), sizeBytes: blob.uint(1), pins: blob.uint(2) })),
        quotaBytes: reader.uint(1),
        usedBytes: reader.uint(2),
      };
    },
  };
}

/** A copy that can be transferred: the caller keeps its own bytes. */
function ownSource(source: BlobSource): BlobSource {
  if (source instanceof Uint8Array) return new Uint8Array(source);
  if (typeof source?.path !== 'string') throw badArgument('A blob is a Uint8Array or { path }');
  return { path: source.path };
}

function fail(id: string): never {
  throw badArgument(`${id} is no blob id: it has 64 hex digits`);
}
