/**
 * One widget model as Jupyter's widget protocol 2.1 has it: a comm of target `jupyter.widget` whose two ends keep one
 * state. Knows messages; refuses to know what a state means.
 */

/** What comes with a comm message; buffers are not used by these widgets. */
export interface WidgetMessage {
  readonly data: Record<string, unknown>;
  readonly metadata: Record<string, unknown>;
  readonly buffers: readonly Uint8Array[];
}

/** One comm; the engine's satisfies it. */
export interface WidgetComm {
  readonly id: string;
  onMessage: ((message: WidgetMessage) => unknown) | undefined;
  send(data: object): void;
  close(): void;
}

/** Where comms come from; the engine's `kernel.comms` satisfies it. */
export interface WidgetComms {
  open(target: string, content: { data: Record<string, unknown>; metadata: Record<string, unknown> }): WidgetComm;
  register(target: string, handler: (comm: WidgetComm) => unknown): void;
}

export type WidgetState = Record<string, unknown>;

/** Comms, and the models that are open on them. */
export interface WidgetHost {
  readonly comms: WidgetComms;
  readonly models: Map<string, WidgetModel>;
}

const protocolVersion = '2.1.0';

/** One model. */
export class WidgetModel {
  readonly #host: WidgetHost;
  readonly #comm: WidgetComm;
  #state: WidgetState;

  /**
   * Opens the model at the front ends.
   *
   * @param accept takes a change that a user made and returns what of it is valid
   * @param custom takes a message outside the state, such as a button's click
   */
  constructor(
    host: WidgetHost,
    state: WidgetState,
    accept: (change: WidgetState) => WidgetState | Promise<WidgetState> = () => ({}),
    custom: (content: unknown) => unknown = () => {},
  ) {
    this.#host = host;
    this.#state = state;
    this.#comm = host.comms.open('jupyter.widget', {
      data: { state, buffer_paths: [] },
      metadata: { version: protocolVersion },
    });
    host.models.set(this.#comm.id, this);
    this.#comm.onMessage = async ({ data }) => {
      if (data.method === 'update' && typeof data.state === 'object' && data.state !== null) {
        const valid = await accept(data.state as WidgetState);
        this.#state = { ...this.#state, ...valid };
        // Every other view of the model, and the sender if its change was not valid, shows what counts.
        this.#comm.send({ method: 'echo_update', state: valid, buffer_paths: [] });
      } else if (data.method === 'request_state') this.#send(this.#state);
      else if (data.method === 'custom') await custom(data.content);
    };
  }

  get id(): string {
    return this.#comm.id;
  }

  get state(): WidgetState {
    return this.#state;
  }

  /** Changes the state at both ends. */
  set(change: WidgetState): void {
    this.#state = { ...this.#state, ...change };
    this.#send(change);
  }

  close(): void {
    this.#host.models.delete(this.id);
    this.#comm.close();
  }

  #send(state: WidgetState): void {
    this.#comm.send({ method: 'update', state, buffer_paths: [] });
  }
}

/** Names of a model and its view in a package of the front end. */
export function named(package_: 'base' | 'controls', model: string, view: string | null): WidgetState {
  const module = `@jupyter-widgets/${package_}`;
  return {
    _model_module: module,
    _model_module_version: '2.0.0',
    _model_name: model,
    _view_module: module,
    _view_module_version: '2.0.0',
    _view_name: view,
  };
}
