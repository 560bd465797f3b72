// Knows which tensors a Llama must have, with which dtypes and shapes, and sorts them into float tensors and integer linears.
// Refuses to know where the bytes came from. Surprise: tensors nobody asks for (rotary tables of old exports) are ignored.
import { QuantError } from '../errors.js';
import type { LlamaConfig } from '../model/config.js';
import { toFloat32 } from '../model/convert.js';
import type { QuantizedLinear, StoredTensor, WeightDtype } from '../model/model.js';
import { linearsOf, weightName } from '../model/operators.js';

/** A tensor as a file describes it; dtype not yet known to be a weight's. */
export interface FileTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The checked weights. */
export interface CheckedWeights {
  tensors: Map<string, StoredTensor>;
  quantized: Map<string, QuantizedLinear>;
}

const FLOATS: readonly string[] = ['F32', 'F16', 'BF16'];

/** Checks and sorts. `compressed`: int8 linears are expected. Errors: `model.missing-tensor`, `model.wrong-dtype`, `model.wrong-shape`. */
export async function checkedWeights(
  file: ReadonlyMap<string, FileTensor>,
  config: LlamaConfig,
  compressed: boolean,
): Promise<CheckedWeights> {
  const tensors = new Map<string, StoredTensor>();
  const quantized = new Map<string, QuantizedLinear>();
  const take = (name: string, shapes: readonly (readonly number[])[], dtypes: readonly string[]): StoredTensor => {
    const tensor = file.get(name);
    if (!tensor) throw new QuantError('model.missing-tensor', `no tensor ${name}`);
    if (!dtypes.includes(tensor.dtype)) {
      throw new QuantError('model.wrong-dtype', `${name} is ${tensor.dtype}, expected ${dtypes.join(', ')}`);
    }
    if (!shapes.some((shape) => shape.join() === tensor.shape.join())) {
      throw new QuantError(
        'model.wrong-shape',
        `${name} is [${tensor.shape.join(', ')}], expected [${shapes[0]?.join(', ')}]`,
      );
    }
    return { ...tensor, dtype: tensor.dtype as WeightDtype };
  };
  const float = (name: string, shape: readonly number[]): void => {
    tensors.set(name, take(name, [shape], FLOATS));
  };
  float('model.embed_tokens.weight', [config.vocab, config.hidden]);
  for (let layer = 0; layer < config.layers; layer++) {
    float(`model.layers.${layer}.input_layernorm.weight`, [config.hidden]);
    float(`model.layers.${layer}.post_attention_layernorm.weight`, [config.hidden]);
  }
  float('model.norm.weight', [config.hidden]);
  for (const { operator, rows, width } of linearsOf(config)) {
    if (operator === 'lm_head' && config.tiedHead) continue;
    const name = weightName(operator);
    const weight = take(name, [[rows, width]], compressed ? [...FLOATS, 'I8'] : FLOATS);
    if (weight.dtype !== 'I8') {
      tensors.set(name, weight);
      continue;
    }
    const scale = take(`${name}_scale`, [[rows, 1], [rows]], FLOATS);
    const scales = new Float32Array(rows);
    await toFloat32(scale, scales);
    if (!scales.every((s) => Number.isFinite(s) && s >= 0)) {
      throw new QuantError('model.wrong-dtype', `${name}_scale holds a value that is negative or not finite`);
    }
    const q = new Int8Array(weight.bytes.buffer, weight.bytes.byteOffset, weight.bytes.length);
    quantized.set(operator, { operator, rows, width, bits: 8, groupSize: -1, q, scales });
  }
  return { tensors, quantized };
}
