/**
 * What all controls share: a value, its listeners, and how it is shown. A front end without widgets shows the text.
 * Surprise: while a listener works, further changes wait as one; it is called again with the newest value alone, so that a
 * dragged slider never builds a queue.
 */
import { inspect } from 'node:util';
import { type Bundle, type Displayable, jupyterDisplay } from '../bundle.js';
import { named, type WidgetHost, WidgetModel, type WidgetState } from './model.js';

const viewMime = 'application/vnd.jupyter.widget-view+json';

/** One control. */
export abstract class Control<T> implements Displayable {
  readonly #listeners = new Set<(value: T) => unknown>();
  #notifying: Promise<void> | undefined;
  #again = false;
  protected abstract readonly model: WidgetModel;
  /** References to layout and style models; front ends expect every control to have both. */
  protected readonly dress: WidgetState;
  readonly #dressModels: readonly WidgetModel[];

  protected constructor(host: WidgetHost, styleModel: string) {
    const layout = new WidgetModel(host, named('base', 'LayoutModel', 'LayoutView'));
    const names = { ...named('controls', styleModel, 'StyleView'), _view_module: '@jupyter-widgets/base' };
    const style = new WidgetModel(host, names);
    this.#dressModels = [layout, style];
    this.dress = { layout: `IPY_MODEL_${layout.id}`, style: `IPY_MODEL_${style.id}` };
  }

  /** The value now; setting it changes what is shown and tells no listener. */
  abstract get value(): T;

  /** One line: label, value, range. */
  protected abstract text(): string;

  /** Calls the listener after each change that a user makes. Returns what takes it off again. */
  onChange(listener: (value: T) => unknown): () => void {
    this.#listeners.add(listener);
    const stop = (): void => void this.#listeners.delete(listener);
    // Often a cell's last value: its line says what it is for.
    const line = (): string => `[listens to ${this.text()}; call it to stop]`;
    return Object.defineProperty(stop, inspect.custom, { value: line });
  }

  /** Ends the control: front ends show it as gone. */
  close(): void {
    for (const model of [this.model, ...this.#dressModels]) model.close();
  }

  [inspect.custom](): string {
    return this.text();
  }

  [jupyterDisplay](): Bundle {
    const view = { version_major: 2, version_minor: 0, model_id: this.model.id };
    return { [viewMime]: view, 'text/plain': this.text() };
  }

  /** Tells the listeners; resolves when they are done with the newest value. */
  protected changed(): Promise<void> {
    this.#again = true;
    this.#notifying ??= this.#notify().finally(() => {
      this.#notifying = undefined;
    });
    return this.#notifying;
  }

  async #notify(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      for (const listener of [...this.#listeners]) await listener(this.value);
    }
  }
}
