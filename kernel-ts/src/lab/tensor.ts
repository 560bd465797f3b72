/** A tensor of a running inference: the client's handle with an ndarray view. The elements stay on the board until read. */
import type { Summary, TensorData, TensorHandle } from '@npulab/board';
import type { NdArray } from 'ndarray';
import { card, type Displayable, jupyterDisplay } from '../display/index.js';
import type { LabContext, WaitOptions } from './context.js';

export class LabTensor implements Displayable {
  readonly #tensor: TensorHandle;
  readonly #context: LabContext;

  constructor(tensor: TensorHandle, context: LabContext) {
    this.#tensor = tensor;
    this.#context = context;
  }

  /** The operator whose output it is. */
  get name(): string {
    return this.#tensor.name;
  }

  get dtype(): TensorHandle['dtype'] {
    return this.#tensor.dtype;
  }

  get shape(): readonly number[] {
    return this.#tensor.shape;
  }

  /** Min, max, mean, deviation, NaNs, histogram and digest, computed on the board. */
  summary(options: WaitOptions = {}): Promise<Summary> {
    return this.#tensor.summary({ signal: this.#context.signal, ...options });
  }

  /** Copies elements from the board: all, or `count` from element `offset` on. */
  read(options: WaitOptions & { readonly offset?: number; readonly count?: number } = {}): Promise<TensorData> {
    return this.#tensor.read({ signal: this.#context.signal, ...options });
  }

  /** All elements as an ndarray of this shape: slice it with `lo`, `hi`, `pick`; as a cell's value it shows itself. */
  async view(options: WaitOptions = {}): Promise<NdArray<TensorData>> {
    const { default: ndarray } = await import('ndarray');
    return ndarray(await this.read(options), [...this.shape]);
  }

  /** Overwrites elements from element `offset` on; the operators after this one then see them. f32 tensors only. */
  replace(data: Float32Array, options: WaitOptions & { readonly offset?: number } = {}): Promise<void> {
    return this.#tensor.replace(data, { signal: this.#context.signal, ...options });
  }

  [jupyterDisplay]() {
    return card(this.name, { dtype: this.dtype, shape: this.shape.join(' × ') })[jupyterDisplay]();
  }
}
