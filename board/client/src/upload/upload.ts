/**
 * Brings blobs to the board: hash, ask, send what is missing, commit. Knows the `blob.*` methods; refuses to know what a
 * blob means. Surprising: a file is read twice (hash, then send), since its id must be known before the first byte goes.
 */
import { createHash } from 'node:crypto';
import type { BlobReceipt, BlobSource } from '../blob.js';
import { BoardError } from '../errors.js';
import { damaged } from '../frame/header.js';
import { invoke } from '../messages/invoke.js';
import { Reader, toHex } from '../messages/reader.js';
import type { Progress } from '../options.js';
import type { Caller } from '../session/runner.js';
import { type OpenSource, openSource } from './source.js';
import { Throttle } from './throttle.js';

/** Bytes of every chunk but the last, where the link takes bodies of that size. */
const largestChunkBytes = 256 * 1024;
/** Chunks under way at once: enough to fill the link, few enough that other calls get through. */
const parallelChunks = 4;
/** A longer list of chunk digests travels as the body of `blob.begin`; one that fits no body is a blob of its own, uploaded first. */
const metaDigestBytes = 32 * 1024;
const digestSize = 32;

/** Surroundings of an upload. */
export interface UploadContext {
  caller: Caller;
  signal: AbortSignal;
  /** Largest body of a call. */
  maxBodyBytes: number;
  /** Monotonic ms. */
  now(): number;
  onProgress(progress: Progress): void;
}

interface Prepared {
  source: OpenSource;
  digest: Uint8Array;
  chunkBytes: number;
  /** Digests of the chunks, one after the other. */
  chunkDigests: Uint8Array<ArrayBuffer>;
}

/** Uploads all sources; one progress for all of them. */
export async function upload(sources: readonly BlobSource[], context: UploadContext): Promise<BlobReceipt[]> {
  const open: OpenSource[] = [];
  try {
    for (const source of sources) open.push(await openSource(source));
    const totalBytes = open.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const hashing = new Throttle('hashing', totalBytes, context);
    const prepared: Prepared[] = [];
    for (const source of open) prepared.push(await prepare(source, hashing, context));
    hashing.finish();
    const there = await present(prepared, context);
    const uploading = new Throttle('uploading', totalBytes, context);
    const receipts: BlobReceipt[] = [];
    for (const [index, blob] of prepared.entries()) {
      const { sizeBytes } = blob.source;
      const uploadedBytes = there[index] ? 0 : await send(blob, uploading, context);
      if (there[index]) uploading.add(sizeBytes);
      receipts.push({ id: toHex(blob.digest), sizeBytes, uploadedBytes });
    }
    uploading.finish();
    return receipts;
  } finally {
    await Promise.all(open.map((source) => source.close()));
  }
}

async function prepare(
  source: OpenSource,
  progress: Pick<Throttle, 'add'>,
  { signal, maxBodyBytes }: UploadContext,
): Promise<Prepared> {
  const chunkBytes = Math.min(largestChunkBytes, maxBodyBytes & ~0x3ff || maxBodyBytes);
  const whole = createHash('sha256');
  const chunkDigests = new Uint8Array(Math.ceil(source.sizeBytes / chunkBytes) * digestSize);
  for (let at = 0; at < source.sizeBytes; at += chunkBytes) {
    signal.throwIfAborted();
    const chunk = await source.read(at, Math.min(chunkBytes, source.sizeBytes - at));
    whole.update(chunk);
    chunkDigests.set(sha256(chunk), (at / chunkBytes) * digestSize);
    progress.add(chunk.byteLength);
  }
  return { source, digest: new Uint8Array(whole.digest()), chunkBytes, chunkDigests };
}

async function present(blobs: readonly Prepared[], { caller, signal }: UploadContext): Promise<boolean[]> {
  const { result } = await invoke(caller, 'blob.has', { 0: blobs.map(({ digest }) => digest) }, { signal });
  const answers = new Reader(result, 'blob.has').list(0);
  if (answers.length !== blobs.length)
    throw damaged(`blob.has: ${answers.length} answers to ${blobs.length} questions`);
  return answers.map((answer) => answer === true);
}

/** Sends the missing chunks of one blob; returns the bytes sent. */
async function send(blob: Prepared, progress: Pick<Throttle, 'add'>, context: UploadContext): Promise<number> {
  const { caller, signal, maxBodyBytes } = context;
  const { source, digest, chunkBytes, chunkDigests } = blob;
  const inMeta = chunkDigests.byteLength <= metaDigestBytes;
  const asBody = !inMeta && chunkDigests.byteLength <= maxBodyBytes;
  const list = inMeta || asBody ? null : await sendList(chunkDigests, context);
  const begun = await invoke(
    caller,
    'blob.begin',
    {
      0: digest,
      1: source.sizeBytes,
      2: chunkBytes,
      3: inMeta ? chunkDigests : new Uint8Array(0),
      ...(list && { 4: list }),
    },
    { signal, body: asBody ? chunkDigests : null },
  );
  // The board knows it now. One that stays (it was asked twice over a bad link) goes with what is longest unused.
  if (list) await invoke(caller, 'blob.remove', { 0: list }, { signal }).catch(() => signal.throwIfAborted());
  const bitmap = new Reader(begun.result, 'blob.begin').bytes(0);
  const count = chunkDigests.byteLength / digestSize;
  if (bitmap.byteLength < Math.ceil(count / 8))
    throw damaged(`blob.begin: a bitmap of ${bitmap.byteLength} bytes for ${count} chunks`);
  const missing: number[] = [];
  for (let index = 0; index < count; index += 1) {
    if ((bitmap[index >> 3]! >> (index & 7)) & 1) progress.add(sizeOf(blob, index));
    else missing.push(index);
  }
  let sentBytes = 0;
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const lane = async () => {
    for (let index = missing.shift(); index !== undefined; index = missing.shift()) {
      both.throwIfAborted();
      const body = await source.read(index * chunkBytes, sizeOf(blob, index));
      if (!sha256(body).every((byte, at) => byte === chunkDigests[index * digestSize + at])) {
        throw new BoardError('board.upload-source', `${source.name} changed during the upload`);
      }
      const bytes = body.byteLength;
      await invoke(caller, 'blob.put', { 0: digest, 1: index }, { signal: both, body });
      sentBytes += bytes;
      progress.add(bytes);
    }
  };
  const lanes = Array.from({ length: parallelChunks }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(lanes);
    throw error;
  }
  await invoke(caller, 'blob.commit', { 0: digest }, { signal });
  return sentBytes;
}

/** Makes a blob of the digests; an upload of it that was interrupted goes on as any other. */
async function sendList(chunkDigests: Uint8Array<ArrayBuffer>, context: UploadContext): Promise<Uint8Array> {
  const unheard = { add: () => undefined };
  const list = await prepare(await openSource(chunkDigests), unheard, context);
  await send(list, unheard, context);
  return list.digest;
}

function sizeOf({ source, chunkBytes }: Prepared, index: number): number {
  return Math.min(chunkBytes, source.sizeBytes - index * chunkBytes);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
