// Knows which three files a model is saved as, and their exact bytes. Refuses to know disks.
// Surprise: a tied lm_head that was quantized is written as a tensor of its own and the saved config says "not tied"; the
// embedding stays float, so what is opened again computes what was saved.
import { QuantError } from '../errors.js';
import { configToJson } from '../model/config.js';
import type { LlamaModel } from '../model/model.js';
import { linearsOf, weightName } from '../model/operators.js';
import type { QuantizedModel } from '../quantize/settings.js';
import { quantizationConfig } from './compressed-tensors.js';
import { hashChunks, type Manifest } from './manifest.js';
import { safetensorsChunks, type TensorToWrite } from './safetensors-writer.js';

/** File name → its bytes in chunks (views; nothing large is copied). Errors: `quant.save-bits`. */
export function modelFiles(model: LlamaModel): Map<string, Uint8Array[]> {
  const tensors: TensorToWrite[] = model.tensorNames.map((name) => model.tensor(name));
  for (const operator of model.quantizedOperators) {
    const linear = model.quantizedLinear(operator);
    if (!linear) continue;
    const { bits, groupSize, rows, width, q, scales } = linear;
    if (bits !== 8 || groupSize !== -1) {
      const scheme = groupSize === -1 ? 'per channel' : `in groups of ${groupSize}`;
      throw new QuantError(
        'quant.save-bits',
        `${operator} has ${bits}-bit weights ${scheme}; only 8 bits per channel can be saved`,
      );
    }
    const name = weightName(operator);
    tensors.push({ name, dtype: 'I8', shape: [rows, width], bytes: view(q) });
    tensors.push({ name: `${name}_scale`, dtype: 'F32', shape: [rows, 1], bytes: view(scales) });
  }
  const quantized = new Set(model.quantizedOperators);
  const json: Record<string, unknown> = configToJson({
    ...model.config,
    tiedHead: model.config.tiedHead && !quantized.has('lm_head'),
  });
  if (quantized.size > 0) {
    const ignore = linearsOf(model.config).filter(({ operator }) => !quantized.has(operator));
    json.quantization_config = quantizationConfig(
      ignore.map(({ operator }) => (operator === 'lm_head' ? operator : `model.${operator}`)),
    );
  }
  if (isQuantizedModel(model)) json.npulab = { settings: model.settings, calibrationDigest: model.calibrationDigest };
  return new Map([
    ['config.json', [new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`)]],
    ['model.safetensors', safetensorsChunks(tensors, { format: 'pt' })],
    ['tokenizer.model', [model.tokenizer.toSentencePiece()]],
  ]);
}

/** The manifest of the files {@link modelFiles} gives. Errors: `quant.save-bits`, `quant.cancelled`. */
export async function manifestOfFiles(model: LlamaModel, signal?: AbortSignal): Promise<Manifest> {
  const files: Manifest['files'] = Object.fromEntries(
    await Promise.all([...modelFiles(model)].map(async ([name, chunks]) => [name, await hashChunks(chunks, signal)])),
  );
  return { format: 'npulab.model.v1', name: model.name, files };
}

function isQuantizedModel(model: LlamaModel): model is QuantizedModel {
  return 'settings' in model;
}

function view(array: Int8Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
