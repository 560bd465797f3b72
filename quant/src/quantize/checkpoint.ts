// Knows what must survive a cancel: the finished linears, their statistics and the hidden states behind the last finished layer.
// Refuses to know files: it lives in memory, with the caller. Surprise: it is bound to one model, one setting and one
// calibration by a key, so results of different runs never mix.
import { QuantError } from '../errors.js';
import type { QuantizedLinear } from '../model/model.js';
import type { LinearStats, QuantizeCheckpoint } from './settings.js';

/** See {@link QuantizeCheckpoint}. */
export class Checkpoint implements QuantizeCheckpoint {
  layersDone = 0;
  /** Finished linears by operator, in forward order. */
  readonly linears = new Map<string, QuantizedLinear>();
  readonly stats: LinearStats[] = [];
  /** Residual stream behind the last finished layer, one array per window; undefined before the first. */
  hidden: Float32Array[] | undefined;
  #key: string | undefined;

  /** Binds to a run, or checks that it is the same. Errors: `quant.checkpoint-differs`. */
  bind(key: string): void {
    if (this.#key !== undefined && this.#key !== key) {
      throw new QuantError(
        'quant.checkpoint-differs',
        'the checkpoint belongs to another model, setting or calibration',
      );
    }
    this.#key = key;
  }

  /** Adds a finished layer. */
  finish(linears: Iterable<QuantizedLinear>, stats: readonly LinearStats[], hidden: Float32Array[] | undefined): void {
    for (const linear of linears) this.linears.set(linear.operator, linear);
    this.stats.push(...stats);
    this.hidden = hidden;
    this.layersDone++;
  }

  toString(): string {
    return `QuantizeCheckpoint: ${this.layersDone} layers done`;
  }
}

/** An empty checkpoint for `quantize`'s options. Memory while held: finished int8 weights, calibration tokens × hidden × 4 bytes. */
export function createCheckpoint(): QuantizeCheckpoint {
  return new Checkpoint();
}
