/** The board's content-addressed store as a cell sees it. Refuses to know chunks and what a blob means. */
import type { CallOptions, ProgressOptions } from './options.js';

/** Bytes, or a file on this machine that is streamed (never held in memory as a whole). */
export type BlobSource = Uint8Array | { path: string };

/** A blob after {@link Blobs.put}. */
export interface BlobReceipt {
  /** SHA-256 of the content, 64 hex digits. */
  id: string;
  sizeBytes: number;
  /** Bytes that had to be sent; 0 where the board had the blob already. */
  uploadedBytes: number;
}

/** What the store holds. */
export interface BlobList {
  /** `pins`: loaded models that use it; `pinned`: kept by {@link Blobs.pin}. */
  blobs: readonly { id: string; sizeBytes: number; pins: number; pinned: boolean }[];
  quotaBytes: number;
  usedBytes: number;
}

/** The board's store of blobs. */
export interface Blobs {
  /** Which of these blobs (SHA-256, hex) the board holds complete, in the same order. */
  has(ids: readonly string[], options?: CallOptions): Promise<boolean[]>;
  /**
   * Brings a blob to the board: hashes it in chunks of 256 KiB, asks which are there, sends the rest, has the whole
   * verified. Interrupted uploads go on where they were. Fails with `noSpace`, `corrupt`, or `board.upload-source`
   * (the file cannot be read, or changed meanwhile).
   */
  put(source: BlobSource, options?: ProgressOptions): Promise<BlobReceipt>;
  /** Everything the store holds. */
  list(options?: CallOptions): Promise<BlobList>;
  /** Keeps a blob from being collected, or lets it go. Fails with `notFound`. */
  pin(id: string, pinned?: boolean, options?: CallOptions): Promise<void>;
  /** Removes a blob. Fails with `busy` while a model uses it, or where it is pinned. */
  remove(id: string, options?: CallOptions): Promise<void>;
  /** Removes blobs longest unused until `freeBytes` of the quota are free; pinned and used ones stay. */
  collect(freeBytes: number, options?: CallOptions): Promise<{ freedBytes: number; usedBytes: number }>;
  /** Files of the agent's import folder. */
  importable(options?: CallOptions): Promise<{ name: string; sizeBytes: number }[]>;
  /** Takes a file that is on the board already into the store, without sending it. Fails with `notFound`, `noSpace`. */
  import(name: string, options?: ProgressOptions): Promise<{ id: string; sizeBytes: number }>;
}
