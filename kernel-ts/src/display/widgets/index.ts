/** Widgets of a cell: `kernel.widgets`. A page that is loaded again asks for all models over the control comm. */
import { Button, Dropdown, type DropdownOptions, ProgressBar, Slider, type SliderOptions } from './controls.js';
import type { WidgetComm, WidgetComms, WidgetHost, WidgetState } from './model.js';

export type { Button, Dropdown, DropdownOptions, ProgressBar, Slider, SliderOptions };

/** What makes controls. */
export interface Widgets {
  /** A number that is dragged. */
  slider(options: SliderOptions): Slider;
  /** One of several values. */
  dropdown<T>(options: DropdownOptions<T>): Dropdown<T>;
  /** Something to click. */
  button(label: string): Button;
  /** A bar that a program moves. */
  progress(options: { readonly label?: string; readonly max: number }): ProgressBar;
}

/** Widgets over the comms of a kernel. */
export function createWidgets(comms: WidgetComms): Widgets {
  const host: WidgetHost = { comms, models: new Map() };
  comms.register('jupyter.widget.control', (control: WidgetComm) => {
    control.onMessage = ({ data }) => {
      if (data.method !== 'request_states') return;
      const states = Object.fromEntries([...host.models].map(([id, { state }]) => [id, described(state)]));
      control.send({ method: 'update_states', states, buffer_paths: [] });
    };
  });
  return {
    slider: (options) => new Slider(host, options),
    dropdown: (options) => new Dropdown(host, options),
    button: (label) => new Button(host, label),
    progress: (options) => new ProgressBar(host, options),
  };
}

function described(state: WidgetState): Record<string, unknown> {
  return {
    model_name: state._model_name,
    model_module: state._model_module,
    model_module_version: state._model_module_version,
    state,
  };
}
