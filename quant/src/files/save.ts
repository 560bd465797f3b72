// Knows how a model reaches a folder: each file under a temporary name, flushed, then renamed.
// Refuses to know what the bytes mean. Surprise: a cancelled save leaves the folder's old files as they were.
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { QuantError } from '../errors.js';
import type { LlamaModel } from '../model/model.js';
import { cancellable, throwIfCancelled } from '../pace.js';
import { modelDigest } from './manifest.js';
import { manifestOfFiles, modelFiles } from './model-files.js';

const WRITE_BYTES = 1 << 22;

/** Result of {@link save}. */
export interface SavedModel {
  /** Absolute path. */
  readonly folder: string;
  /** Bytes written, all files. */
  readonly sizeBytes: number;
  /** Digest of the files written; equals `digest()` of the model opened from the folder. */
  readonly digest: string;
}

/** Options of {@link save}. */
export interface SaveOptions {
  /** Bytes written of bytes in all. */
  onProgress?: (done: number, total: number) => void;
  /** Cancels with `quant.cancelled`. */
  signal?: AbortSignal;
}

/**
 * Writes config.json, model.safetensors (int8 linears as compressed-tensors int-quantized, everything else as stored) and
 * tokenizer.model. The bytes depend on the model only. Other files in the folder are left alone.
 * Errors: `quant.save-bits`, `quant.save-onto-source`, `quant.cancelled`; file system errors as Node throws them.
 */
export async function save(model: LlamaModel, folder: string, options: SaveOptions = {}): Promise<SavedModel> {
  return cancellable(options.signal, async () => {
    const target = resolve(folder);
    for (let source: LlamaModel | undefined = model; source; source = (source as { source?: LlamaModel }).source) {
      if (source.folder === target)
        throw new QuantError('quant.save-onto-source', `${target} holds the model's source`);
    }
    const files = modelFiles(model);
    let total = 0;
    for (const chunks of files.values()) for (const chunk of chunks) total += chunk.length;
    const digest = modelDigest(await manifestOfFiles(model, options.signal));
    await mkdir(target, { recursive: true });
    const temporary: string[] = [];
    let done = 0;
    try {
      for (const [name, chunks] of files) {
        const path = join(target, `${name}.part`);
        temporary.push(path);
        await writeChunks(path, chunks, (bytes) => {
          throwIfCancelled(options.signal);
          done += bytes;
          options.onProgress?.(done, total);
        });
      }
      for (const name of files.keys()) await rename(join(target, `${name}.part`), join(target, name));
    } catch (error) {
      await Promise.all(temporary.map((path) => rm(path, { force: true })));
      throw error;
    }
    return { folder: target, sizeBytes: total, digest };
  });
}

async function writeChunks(
  path: string,
  chunks: readonly Uint8Array[],
  written: (bytes: number) => void,
): Promise<void> {
  await using file = await open(path, 'w');
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const { bytesWritten } = await file.write(chunk, at, Math.min(WRITE_BYTES, chunk.length - at));
      at += bytesWritten;
      written(bytesWritten);
    }
  }
  await file.sync();
}
