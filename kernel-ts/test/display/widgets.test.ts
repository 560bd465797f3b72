import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { createWidgets, present, type Widgets } from '../../src/display/index.js';
import type { WidgetComm, WidgetComms } from '../../src/display/widgets/model.js';

/** A front end in memory: keeps what was opened and sent, and plays the user. */
class FakeFront implements WidgetComms {
  readonly opened: { id: string; target: string; state: Record<string, unknown>; version: unknown }[] = [];
  readonly sent: { id: string; data: Record<string, unknown> }[] = [];
  readonly closed: string[] = [];
  readonly comms = new Map<string, WidgetComm>();
  readonly targets = new Map<string, (comm: WidgetComm) => unknown>();

  open(target: string, content: { data: Record<string, unknown>; metadata: Record<string, unknown> }) {
    const comm = this.comm(`m${this.opened.length}`);
    this.opened.push({
      ...{ id: comm.id, target, version: content.metadata.version },
      state: content.data.state as Record<string, unknown>,
    });
    return comm;
  }

  register(target: string, handler: (comm: WidgetComm) => unknown): void {
    this.targets.set(target, handler);
  }

  comm(id: string): WidgetComm {
    const comm: WidgetComm = {
      id,
      onMessage: undefined,
      send: (data: object) => void this.sent.push({ id, data: data as Record<string, unknown> }),
      close: () => void this.closed.push(id),
    };
    this.comms.set(id, comm);
    return comm;
  }

  async say(id: string, data: Record<string, unknown>): Promise<void> {
    await this.comms.get(id)?.onMessage?.({ data, metadata: {}, buffers: [] });
  }

  update(id: string, state: Record<string, unknown>): Promise<void> {
    return this.say(id, { method: 'update', state, buffer_paths: [] });
  }
}

let front: FakeFront;
let widgets: Widgets;
beforeEach(() => {
  front = new FakeFront();
  widgets = createWidgets(front);
});

/** Model id of what was made last: layout and style come before it. */
const lastId = (): string => front.opened.at(-1)?.id as string;

describe('a slider', () => {
  it('opens its models in the protocol of the front end, and shows as a view with a text beside it', async () => {
    const slider = widgets.slider({ label: 'tokens', min: 1, max: 64, value: 8 });
    expect(front.opened.map(({ target, version, state }) => [target, version, state._model_name])).toEqual([
      ['jupyter.widget', '2.1.0', 'LayoutModel'],
      ['jupyter.widget', '2.1.0', 'SliderStyleModel'],
      ['jupyter.widget', '2.1.0', 'IntSliderModel'],
    ]);
    expect(front.opened[2]?.state).toMatchObject({
      ...{ _view_name: 'IntSliderView', _model_module: '@jupyter-widgets/controls', _model_module_version: '2.0.0' },
      ...{ layout: 'IPY_MODEL_m0', style: 'IPY_MODEL_m1', description: 'tokens', min: 1, max: 64, step: 1, value: 8 },
    });
    expect(await present(slider)).toEqual({
      'application/vnd.jupyter.widget-view+json': { version_major: 2, version_minor: 0, model_id: 'm2' },
      'text/plain': 'tokens: 8 (1 … 64)',
    });
    expect(widgets.slider({ min: 0, max: 1, step: 0.1 }) && front.opened.at(-1)?.state._model_name).toBe(
      'FloatSliderModel',
    );
  });

  it('and what listens to it are a line among other values', () => {
    const slider = widgets.slider({ label: 'tokens', min: 1, max: 64, value: 8 });
    expect(inspect([slider])).toBe('[ tokens: 8 (1 … 64) ]');
    expect(inspect(slider.onChange(() => {}))).toBe('[listens to tokens: 8 (1 … 64); call it to stop]');
  });

  it('tells its listeners what a user chose, and every view', async () => {
    const slider = widgets.slider({ min: 0, max: 10 });
    const heard: number[] = [];
    const off = slider.onChange((value) => heard.push(value));
    await front.update(lastId(), { value: 7 });
    await front.update(lastId(), { value: 7 });
    off();
    await front.update(lastId(), { value: 3 });
    expect([heard, slider.value]).toEqual([[7], 3]);
    expect(front.sent[0]).toEqual({
      ...{ id: lastId(), data: { method: 'echo_update', state: { value: 7 }, buffer_paths: [] } },
    });
  });

  it.each([[99], [-1], ['7'], [Number.NaN], [null]])('keeps its range when a front end sends %j', async (value) => {
    const slider = widgets.slider({ min: 0, max: 10, value: 5 });
    await front.update(lastId(), { value });
    expect(slider.value).toBe(typeof value === 'number' && !Number.isNaN(value) ? Math.min(10, Math.max(0, value)) : 5);
    expect(front.sent.at(-1)?.data.state).toEqual({ value: slider.value });
  });

  it('calls a slow listener again with the newest value alone', async () => {
    const slider = widgets.slider({ min: 0, max: 10 });
    const heard: number[] = [];
    let finish = (): void => {};
    slider.onChange((value) => {
      heard.push(value);
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    const id = lastId();
    const all = [1, 2, 3, 4].map((value) => front.update(id, { value }));
    while (heard.length < 2) {
      finish();
      await Promise.resolve();
    }
    finish();
    await Promise.all(all);
    expect(heard).toEqual([1, 4]);
  });

  it('is moved by the program without telling the listeners', () => {
    const slider = widgets.slider({ min: 0, max: 10 });
    const heard: number[] = [];
    slider.onChange((value) => heard.push(value));
    slider.value = 40;
    expect([slider.value, heard]).toEqual([10, []]);
    expect(front.sent).toEqual([{ id: lastId(), data: { method: 'update', state: { value: 10 }, buffer_paths: [] } }]);
  });

  it.each([
    [{ min: 5, max: 5 }, 'a slider from 5 to 5 has no range'],
    [{ min: 0, max: 1, step: 0 }, 'a slider cannot step by 0'],
    [{ min: 0, max: 1, value: 2 }, '2 is not between 0 and 1'],
  ])('%j is refused', (options, message) => {
    expect(() => widgets.slider(options)).toThrow(message);
  });
});

it('a dropdown gives the option itself, and ignores an index that is none', async () => {
  const methods = [{ toString: () => 'rtn' }, { toString: () => 'gptq' }];
  const choice = widgets.dropdown({ label: 'method', options: methods });
  expect(front.opened.at(-1)?.state).toMatchObject({ _options_labels: ['rtn', 'gptq'], index: 0 });
  for (const index of [1, 2, -1, 0.5, '0', null]) await front.update(lastId(), { index });
  expect(choice.value).toBe(methods[1]);
  expect((await present(choice))?.['text/plain']).toBe('method: gptq (of rtn, gptq)');
  expect(() => widgets.dropdown({ options: [] })).toThrow(RangeError);
});

it('a button counts clicks, and nothing else that is sent to it', async () => {
  const button = widgets.button('Run');
  const heard: number[] = [];
  button.onChange((clicks) => heard.push(clicks));
  for (const content of [{ event: 'click' }, { event: 'other' }, undefined, { event: 'click' }]) {
    await front.say(lastId(), { method: 'custom', content });
  }
  expect(heard).toEqual([1, 2]);
  expect((await present(button))?.['text/plain']).toBe('[Run]');
});

it('a progress bar is moved by the program and stays within its ends', async () => {
  const bar = widgets.progress({ label: 'layers', max: 22 });
  bar.value = 11;
  bar.value = 30;
  expect(front.sent.map(({ data }) => data.state)).toEqual([{ value: 11 }, { value: 22 }]);
  expect((await present(bar))?.['text/plain']).toBe('layers: 22 of 22');
});

it('a page that is loaded again gets every open model with its present state', async () => {
  const slider = widgets.slider({ min: 0, max: 10 });
  const id = lastId();
  widgets.button('gone').close();
  await front.update(id, { value: 4 });
  front.targets.get('jupyter.widget.control')?.(front.comm('control'));
  await front.say('control', { method: 'request_states' });
  const states = front.sent.at(-1)?.data.states as Record<string, Record<string, unknown>>;
  expect(Object.keys(states)).toEqual(['m0', 'm1', id]);
  expect(states[id]).toMatchObject({ model_name: 'IntSliderModel', state: { value: 4 } });
  await front.say(id, { method: 'request_state' });
  expect(front.sent.at(-1)?.data.state).toMatchObject({ value: slider.value });
});
