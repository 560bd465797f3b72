/**
 * Slider, dropdown, button and progress bar of the front end's widget package (`jupyterlab_widgets`). What a user sends is
 * checked here: a front end can send anything.
 */
import { significant } from '../numbers.js';
import { Control } from './control.js';
import { named, type WidgetHost, WidgetModel, type WidgetState } from './model.js';

export interface SliderOptions {
  readonly label?: string;
  readonly min: number;
  readonly max: number;
  /** 1 by default; a step that is no integer makes the slider one of fractions. */
  readonly step?: number;
  /** `min` by default. */
  readonly value?: number;
}

export interface DropdownOptions<T> {
  readonly label?: string;
  readonly options: readonly T[];
  /** The first by default. */
  readonly value?: T;
}

/** A number that is dragged. */
export class Slider extends Control<number> {
  protected readonly model: WidgetModel;
  readonly #options: Required<SliderOptions>;
  #value: number;

  /** @throws RangeError when the range is empty, or the value outside of it. */
  constructor(host: WidgetHost, options: SliderOptions) {
    super(host, 'SliderStyleModel');
    const { label = '', min, max, step = 1, value = min } = options;
    if (!(min < max) || !Number.isFinite(max - min))
      throw new RangeError(`a slider from ${min} to ${max} has no range`);
    if (!(step > 0)) throw new RangeError(`a slider cannot step by ${step}`);
    if (!(value >= min && value <= max)) throw new RangeError(`${value} is not between ${min} and ${max}`);
    this.#options = { label, min, max, step, value };
    this.#value = value;
    const whole = [min, max, step, value].every(Number.isInteger);
    const kind = whole ? 'IntSlider' : 'FloatSlider';
    const state = { ...named('controls', `${kind}Model`, `${kind}View`), ...this.dress };
    this.model = new WidgetModel(
      host,
      { ...state, ...{ description: label, min, max, step, value, continuous_update: true, readout: true } },
      (change) => this.#accept(change),
    );
  }

  get value(): number {
    return this.#value;
  }

  set value(value: number) {
    this.#value = this.#inside(value);
    this.model.set({ value: this.#value });
  }

  protected text(): string {
    const { label, min, max } = this.#options;
    return `${label === '' ? 'slider' : label}: ${significant(this.#value)} (${significant(min)} … ${significant(max)})`;
  }

  async #accept({ value }: WidgetState): Promise<WidgetState> {
    if (typeof value === 'number' && Number.isFinite(value) && value !== this.#value) {
      this.#value = this.#inside(value);
      await this.changed();
    }
    return { value: this.#value };
  }

  #inside(value: number): number {
    return Math.min(this.#options.max, Math.max(this.#options.min, value));
  }
}

/** One of several values. */
export class Dropdown<T> extends Control<T> {
  protected readonly model: WidgetModel;
  readonly #label: string;
  readonly #options: readonly T[];
  #index: number;

  /** @throws RangeError when there is nothing to choose, or the value is none of the options. */
  constructor(host: WidgetHost, { label = '', options, value = options[0] as T }: DropdownOptions<T>) {
    super(host, 'DescriptionStyleModel');
    this.#label = label;
    this.#options = [...options];
    this.#index = this.#options.indexOf(value);
    if (this.#index < 0) throw new RangeError(`${String(value)} is none of the ${options.length} options`);
    const labels = this.#options.map(String);
    const names = named('controls', 'DropdownModel', 'DropdownView');
    this.model = new WidgetModel(
      host,
      { ...names, ...this.dress, description: label, _options_labels: labels, index: this.#index },
      (change) => this.#accept(change),
    );
  }

  get value(): T {
    return this.#options[this.#index] as T;
  }

  set value(value: T) {
    const index = this.#options.indexOf(value);
    if (index < 0) throw new RangeError(`${String(value)} is none of the ${this.#options.length} options`);
    this.#index = index;
    this.model.set({ index });
  }

  protected text(): string {
    return `${this.#label === '' ? 'choice' : this.#label}: ${String(this.value)} (of ${this.#options.map(String).join(', ')})`;
  }

  async #accept({ index }: WidgetState): Promise<WidgetState> {
    if (Number.isInteger(index) && (index as number) in this.#options && index !== this.#index) {
      this.#index = index as number;
      await this.changed();
    }
    return { index: this.#index };
  }
}

/** Something to click; its value is the number of clicks. */
export class Button extends Control<number> {
  protected readonly model: WidgetModel;
  readonly #label: string;
  #clicks = 0;

  constructor(host: WidgetHost, label: string) {
    super(host, 'ButtonStyleModel');
    this.#label = label;
    const state = { ...named('controls', 'ButtonModel', 'ButtonView'), ...this.dress };
    this.model = new WidgetModel(host, { ...state, description: label }, undefined, (content) => {
      if ((content as { event?: unknown } | undefined)?.event !== 'click') return undefined;
      this.#clicks += 1;
      return this.changed();
    });
  }

  get value(): number {
    return this.#clicks;
  }

  protected text(): string {
    return `[${this.#label}]`;
  }
}

/** A bar that a program moves. */
export class ProgressBar extends Control<number> {
  protected readonly model: WidgetModel;
  readonly #label: string;
  readonly #max: number;
  #value = 0;

  /** @throws RangeError when `max` is no positive number. */
  constructor(host: WidgetHost, { label = '', max }: { readonly label?: string; readonly max: number }) {
    super(host, 'ProgressStyleModel');
    if (!(max > 0 && Number.isFinite(max))) throw new RangeError(`a bar that is full at ${max} shows nothing`);
    this.#label = label;
    this.#max = max;
    const names = named('controls', 'FloatProgressModel', 'ProgressView');
    this.model = new WidgetModel(host, { ...names, ...this.dress, description: label, min: 0, max, value: 0 });
  }

  get value(): number {
    return this.#value;
  }

  set value(value: number) {
    this.#value = Math.min(this.#max, Math.max(0, value));
    this.model.set({ value: this.#value });
  }

  protected text(): string {
    return `${this.#label === '' ? 'progress' : this.#label}: ${significant(this.#value)} of ${significant(this.#max)}`;
  }
}
