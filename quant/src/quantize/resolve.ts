// Knows the defaults and limits of the quantizer's settings. Refuses to know how they are used.
import { QuantError } from '../errors.js';
import type { LlamaModel } from '../model/model.js';
import { type LinearShape, linearsOf } from '../model/operators.js';
import { windowLength } from '../model/windows.js';
import type { QuantizeSettings, ResolvedSettings } from './settings.js';

/** Calibration windows by default. */
export const DEFAULT_MAX_WINDOWS = 32;

/** Fills in defaults. Errors: `quant.bad-settings`, `quant.already-quantized`. */
export function resolveSettings(model: LlamaModel, settings: QuantizeSettings): ResolvedSettings {
  if (model.quantizedOperators.length > 0) {
    throw new QuantError(
      'quant.already-quantized',
      `${model.name} has ${model.quantizedOperators.length} quantized linears`,
    );
  }
  const {
    method,
    bits = 8,
    groupSize = -1,
    dampFraction = 0.01,
    actOrder = true,
    blockSize = 128,
    skip = [],
  } = settings;
  const { maxWindows = DEFAULT_MAX_WINDOWS } = settings;
  require(method === 'rtn' || method === 'gptq', `method is ${JSON.stringify(method)}; it must be "rtn" or "gptq"`);
  require(Number.isInteger(bits) && bits >= 2 && bits <= 8, `bits is ${bits}; it must be an integer from 2 to 8`);
  require(groupSize === -1 ||
    (Number.isInteger(groupSize) && groupSize >= 1), `groupSize is ${groupSize}; it must be -1 or positive`);
  require(dampFraction > 0 && dampFraction <= 1, `dampFraction is ${dampFraction}; it must be over 0 and at most 1`);
  require(Number.isInteger(blockSize) && blockSize >= 1, `blockSize is ${blockSize}; it must be a positive integer`);
  require(Number.isInteger(maxWindows) &&
    maxWindows >= 1, `maxWindows is ${maxWindows}; it must be a positive integer`);
  if (groupSize !== -1) {
    for (const { operator, width } of linearsOf(model.config)) {
      const divides = operator === 'lm_head' || width % groupSize === 0;
      require(divides, `groupSize ${groupSize} does not divide the ${width} inputs of ${operator}`);
    }
  }
  const windowTokens = windowLength(model, settings.windowTokens);
  for (const pattern of skip) {
    const known = linearsOf(model.config).some((linear) => isSkipped(linear, [pattern]));
    require(known, `skip names ${JSON.stringify(pattern)}, which is no linear of this model`);
  }
  return { method, bits, groupSize, windowTokens, maxWindows, dampFraction, actOrder, blockSize, skip: [...skip] };
}

/** True where `skip` names the operator: exactly, or by its last dotted parts. */
export function isSkipped({ operator }: Pick<LinearShape, 'operator'>, skip: readonly string[]): boolean {
  return skip.some((pattern) => operator === pattern || operator.endsWith(`.${pattern}`));
}

function require(condition: boolean, message: string): void {
  if (!condition) throw new QuantError('quant.bad-settings', message);
}
