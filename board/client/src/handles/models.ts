/** Models: the files of a folder to the board, a manifest over them, then `model.load`. Refuses to know what the files hold. */
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { BlobReceipt } from '../blob.js';
import { BoardError } from '../errors.js';
import type { InferenceSession, Sampling } from '../inference.js';
import { invoke } from '../messages/invoke.js';
import { digestBytes, Reader } from '../messages/reader.js';
import { readInferenceState, readModelInfo, readOperators } from '../messages/results.js';
import type { LoadedModel, ModelFiles, ModelInfo, Models, OperatorInfo } from '../model.js';
import type { CallOptions, ProgressOptions } from '../options.js';
import { pick, tell } from './buffer.js';
import { type BoardContext, badArgument, Handle, whole } from './context.js';
import { BoardInference, samplingToWire } from './inference.js';
import { type Facts, Shown, size } from './show.js';

const largestToken = 0xffff_ffff;

/** {@link Models} of a board. */
export function modelsOf(context: BoardContext): Models {
  return {
    async load(source, options = {}) {
      const files = await modelFiles(source);
      const deadline = options.timeoutMs === undefined ? null : performance.now() + options.timeoutMs;
      const { manifestId, uploadedBytes } = await uploadModel(context, files, deadline, options);
      const epoch = context.epoch();
      const { result } = await invoke(
        context.client,
        'model.load',
        { 0: digestBytes(manifestId)! },
        {
          ...pick({ ...options, ...left(deadline) }),
          epoch,
          onItem: (item) => {
            const progress = new Reader(item.payload, 'model.load item');
            tell(options.onProgress, { stage: 'loading', doneBytes: progress.uint(0), totalBytes: progress.uint(1) });
            item.taken();
          },
        },
      );
      const reader = new Reader(result, 'model.load');
      const handle = new Handle(context, reader.any(0), 'model', epoch);
      try {
        const operators: OperatorInfo[] = [];
        await handle.call(
          'model.operators',
          {},
          {
            ...pick({ ...options, ...left(deadline) }),
            onItem: (item) => {
              operators.push(...readOperators(item.payload));
              item.taken();
            },
          },
        );
        return new BoardModel(context, handle, readModelInfo(reader.inner(1)), operators, manifestId, uploadedBytes);
      } catch (error) {
        await handle.free('model.unload');
        throw error;
      }
    },
  };
}

function left(deadline: number | null): { timeoutMs?: number } {
  return deadline === null ? {} : { timeoutMs: Math.max(1, deadline - performance.now()) };
}

/** The three files, there or not: `board.model-folder`. */
async function modelFiles(source: string | ModelFiles): Promise<ModelFiles> {
  const files =
    typeof source === 'string'
      ? {
          name: basename(resolve(source)),
          config: join(source, 'config.json'),
          weights: join(source, 'model.safetensors'),
          tokenizer: join(source, 'tokenizer.model'),
        }
      : source;
  if (typeof files?.name !== 'string') throw badArgument('A model is a folder or { name, config, weights, tokenizer }');
  for (const path of [files.config, files.weights, files.tokenizer]) {
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    );
    if (!isFile) throw new BoardError('board.model-folder', `There is no file ${path}`, { fields: { path } });
  }
  return files;
}

async function uploadModel(
  { client }: BoardContext,
  files: ModelFiles,
  deadline: number | null,
  options: ProgressOptions,
): Promise<{ manifestId: string; uploadedBytes: number }> {
  const sources = [files.config, files.weights, files.tokenizer].map((path) => ({ path }));
  const onProgress = (progress: Parameters<NonNullable<ProgressOptions['onProgress']>>[0]) =>
    tell(options.onProgress, progress);
  const [config, weights, tokenizer] = await client.upload(
    sources,
    left(deadline).timeoutMs ?? null,
    options.signal,
    onProgress,
  );
  const manifest = new TextEncoder().encode(manifestText(files.name, config!, weights!, tokenizer!));
  const [receipt] = await client.upload([manifest], left(deadline).timeoutMs ?? null, options.signal);
  const uploadedBytes = [config!, weights!, tokenizer!, receipt!].reduce((sum, one) => sum + one.uploadedBytes, 0);
  return { manifestId: receipt!.id, uploadedBytes };
}

/** The manifest: JSON with sorted keys and no spaces, so that the same model has the same id everywhere. */
export function manifestText(name: string, config: BlobReceipt, weights: BlobReceipt, tokenizer: BlobReceipt): string {
  const entry = ({ id, sizeBytes }: BlobReceipt) => ({ sha256: id, sizeBytes });
  return JSON.stringify({
    files: { 'config.json': entry(config), 'model.safetensors': entry(weights), 'tokenizer.model': entry(tokenizer) },
    format: 'npulab.model.v1',
    name,
  });
}

class BoardModel extends Shown implements LoadedModel {
  readonly info: ModelInfo;
  readonly operators: readonly OperatorInfo[];
  readonly manifestId: string;
  readonly uploadedBytes: number;
  readonly #context: BoardContext;
  readonly #handle: Handle;

  constructor(
    context: BoardContext,
    handle: Handle,
    info: ModelInfo,
    operators: readonly OperatorInfo[],
    manifestId: string,
    uploadedBytes: number,
  ) {
    super();
    this.#context = context;
    this.#handle = handle;
    this.info = info;
    this.operators = operators;
    this.manifestId = manifestId;
    this.uploadedBytes = uploadedBytes;
  }

  async session(prompt: readonly number[] | string, options: CallOptions & Sampling = {}): Promise<InferenceSession> {
    if (prompt.length === 0) throw badArgument('The prompt is empty');
    const tokens = typeof prompt === 'string' ? prompt : prompt.map((token) => whole(token, 'token', 0, largestToken));
    const epoch = this.#context.epoch();
    const { result } = await this.#handle.call('infer.open', { 1: tokens, 2: samplingToWire(options) }, pick(options));
    const reader = new Reader(result, 'infer.open');
    const handle = new Handle(this.#context, reader.any(0), 'inference', epoch);
    return new BoardInference(this.#context, handle, readInferenceState(reader.inner(1)), this.operators);
  }

  unload(options: CallOptions = {}): Promise<void> {
    return this.#handle.free('model.unload', pick(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unload();
  }

  protected override facts(): Facts {
    const { name, layers, hidden, vocabulary, context, weightBytes, bytesPerToken } = this.info;
    const state = this.#handle.alive ? 'loaded' : 'unloaded';
    return {
      line: `LoadedModel(${name}, ${layers} layers, ${size(weightBytes)}, ${state}, ${this.manifestId.slice(0, 12)})`,
      title: `Model ${name}`,
      rows: [
        ['state', state],
        ['layers × hidden', `${layers} × ${hidden}`],
        ['vocabulary', String(vocabulary)],
        ['context', `${context} tokens`],
        ['weights', size(weightBytes)],
        ['read per token', size(bytesPerToken)],
        ['manifest', this.manifestId],
      ],
    };
  }
}
