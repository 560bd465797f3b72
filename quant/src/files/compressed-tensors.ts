// Knows the one compressed-tensors scheme that maps 1:1 to the NPU: int8 weights per output channel, int8 activations per token.
// Refuses to know other schemes; it names what it found. Surprise: `ignore` lists what stays float and is informative only:
// the dtype of the stored weight decides.
import { QuantError } from '../errors.js';

type Json = Record<string, unknown>;

const unsupported = (message: string): QuantError =>
  new QuantError('model.unsupported', `config.json: quantization_config: ${message}`);

function expect(json: Json, where: string, wanted: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(wanted)) {
    if (json[key] !== value)
      throw unsupported(
        `${where}${key} is ${JSON.stringify(json[key]) ?? 'missing'}, only ${JSON.stringify(value)} is known`,
      );
  }
}

/** Checks a config.json's `quantization_config`; true where there is one. Errors: `model.unsupported`. */
export function checkQuantizationConfig(config: unknown): boolean {
  const value = (config as Json).quantization_config;
  if (value === undefined || value === null) return false;
  const q = value as Json;
  expect(q, '', { quant_method: 'compressed-tensors', format: 'int-quantized' });
  const groups = Object.values((q.config_groups ?? {}) as Record<string, Json>);
  if (groups.length === 0) throw unsupported('config_groups is empty');
  for (const group of groups) {
    const weights = { num_bits: 8, type: 'int', symmetric: true, strategy: 'channel' };
    expect((group.weights ?? {}) as Json, 'weights.', weights);
    if (group.input_activations != null) {
      const activations = { num_bits: 8, type: 'int', symmetric: true, strategy: 'token', dynamic: true };
      expect(group.input_activations as Json, 'input_activations.', activations);
    }
  }
  return true;
}

/** The `quantization_config` this package writes; `ignore`: operators left in float, by their module names. */
export function quantizationConfig(ignore: readonly string[]): Json {
  const int8 = { num_bits: 8, symmetric: true, type: 'int' };
  return {
    config_groups: {
      group_0: {
        input_activations: { dynamic: true, ...int8, strategy: 'token' },
        output_activations: null,
        targets: ['Linear'],
        weights: { dynamic: false, ...int8, strategy: 'channel' },
      },
    },
    format: 'int-quantized',
    ignore: [...ignore],
    quant_method: 'compressed-tensors',
    quantization_status: 'compressed',
  };
}
