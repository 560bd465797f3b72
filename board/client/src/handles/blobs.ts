/** The board's blob store. The upload itself runs in the link thread; refuses to know what a blob means. */
import type { BlobSource, Blobs } from '../blob.js';
import { damaged } from '../frame/header.js';
import { invoke } from '../messages/invoke.js';
import { digestBytes, Reader, toHex } from '../messages/reader.js';
import { pick, tell } from './buffer.js';
import { type BoardContext, badArgument, whole } from './context.js';

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
        blobs: reader.readers(0).map((blob) => ({
          id: toHex(blob.bytes(0, 32)),
          sizeBytes: blob.uint(1),
          pins: blob.uint(2),
          pinned: blob.has(3) && blob.bool(3),
        })),
        quotaBytes: reader.uint(1),
        usedBytes: reader.uint(2),
      };
    },
    async pin(id, pinned = true, options = {}) {
      await invoke(client, 'blob.pin', { 0: digestBytes(id) ?? fail(id), 1: pinned }, pick(options));
    },
    async remove(id, options = {}) {
      await invoke(client, 'blob.remove', { 0: digestBytes(id) ?? fail(id) }, pick(options));
    },
    async collect(freeBytes, options = {}) {
      whole(freeBytes, 'freeBytes', 0, Number.MAX_SAFE_INTEGER);
      const { result } = await invoke(client, 'blob.gc', { 0: freeBytes }, pick(options));
      const reader = new Reader(result, 'blob.gc');
      return { freedBytes: reader.uint(0), usedBytes: reader.uint(1) };
    },
    async importable(options = {}) {
      const { result } = await invoke(client, 'blob.importable', {}, pick(options));
      return new Reader(result, 'blob.importable')
        .readers(0)
        .map((file) => ({ name: file.text(0), sizeBytes: file.uint(1) }));
    },
    async import(name, options = {}) {
      const { result } = await invoke(
        client,
        'blob.import',
        { 0: name },
        {
          ...pick(options),
          onItem: ({ payload, taken }) => {
            const state = new Reader(payload, 'blob.import');
            tell(options.onProgress, { stage: 'importing', doneBytes: state.uint(0), totalBytes: state.uint(1) });
            taken();
          },
        },
      );
      const reader = new Reader(result, 'blob.import');
      return { id: toHex(reader.bytes(0, 32)), sizeBytes: reader.uint(1) };
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
