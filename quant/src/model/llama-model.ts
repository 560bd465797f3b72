// Knows how a model holds its tensors, whatever file they came from; the one implementation of LlamaModel.
// Refuses to know file formats. Surprise: the manifest describes the files as `save` would write them, except for a model opened
// from a folder, where it describes the very bytes on disk.

import { QuantError } from '../errors.js';
import { type Manifest, modelDigest } from '../files/manifest.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import type { LlamaConfig } from './config.js';
import type { LlamaModel, QuantizedLinear, StoredTensor } from './model.js';

/** What a model is made of. */
export interface ModelParts {
  name: string;
  folder: string | null;
  config: LlamaConfig;
  tokenizer: Tokenizer;
  tensors: ReadonlyMap<string, StoredTensor>;
  quantized: ReadonlyMap<string, QuantizedLinear>;
  /** Computes the manifest; called at most once at a time. */
  manifest: (model: LlamaModel, signal?: AbortSignal) => Promise<Manifest>;
  /** Unmaps; called once. */
  release: () => void;
}

/** See {@link LlamaModel}. */
export class HeldModel implements LlamaModel {
  readonly name: string;
  readonly folder: string | null;
  readonly config: LlamaConfig;
  readonly tokenizer: Tokenizer;
  readonly quantizedOperators: readonly string[];
  readonly sizeBytes: number;
  readonly tensorNames: readonly string[];
  readonly #parts: ModelParts;
  #manifest: Manifest | undefined;
  #open = true;

  constructor(parts: ModelParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.folder = parts.folder;
    this.config = parts.config;
    this.tokenizer = parts.tokenizer;
    this.quantizedOperators = [...parts.quantized.keys()];
    this.tensorNames = [...parts.tensors.keys()];
    let sizeBytes = 0;
    for (const tensor of parts.tensors.values()) sizeBytes += tensor.bytes.length;
    for (const linear of parts.quantized.values()) {
      sizeBytes += Math.ceil((linear.q.length * linear.bits) / 8) + linear.scales.byteLength;
    }
    this.sizeBytes = sizeBytes;
  }

  tensor(name: string): StoredTensor {
    this.#check();
    const tensor = this.#parts.tensors.get(name);
    if (!tensor) throw new QuantError('model.missing-tensor', `${this.name}: no tensor ${name}`);
    return tensor;
  }

  quantizedLinear(operator: string): QuantizedLinear | undefined {
    this.#check();
    return this.#parts.quantized.get(operator);
  }

  async manifest(options: { signal?: AbortSignal } = {}): Promise<Manifest> {
    this.#check();
    this.#manifest ??= await this.#parts.manifest(this, options.signal);
    return this.#manifest;
  }

  async digest(options: { signal?: AbortSignal } = {}): Promise<string> {
    return modelDigest(await this.manifest(options));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#parts.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What `console.log` prints. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  toString(): string {
    const { layers, hidden, heads, kvHeads, vocab } = this.config;
    const bits = new Set([...this.#parts.quantized.values()].map((linear) => linear.bits));
    const kind = bits.size === 0 ? 'float' : `int${[...bits].sort().join('/int')}`;
    const shape = `${layers} layers, hidden ${hidden}, ${heads}/${kvHeads} heads, vocabulary ${vocab}`;
    return `${this.name}: Llama, ${kind}, ${shape}, ${(this.sizeBytes / 1e6).toFixed(1)} MB`;
  }

  #check(): void {
    if (!this.#open) throw new QuantError('model.closed', `${this.name} is closed`);
  }
}
