/** A running inference: steps, tokens, tensors. Refuses to know the forward pass. */
import { BoardError } from '../errors.js';
import { Float, type Wire } from '../frame/cbor.js';
import type {
  GeneratedToken,
  GenerateOptions,
  Generation,
  InferenceSession,
  InferenceState,
  Sampling,
  StepResult,
  StopReason,
  TensorHandle,
} from '../inference.js';
import { Reader } from '../messages/reader.js';
import { readInferenceState, readStopReason, readTensorInfo } from '../messages/results.js';
import { readTraceRecords } from '../messages/trace.js';
import type { OperatorInfo } from '../model.js';
import type { CallOptions } from '../options.js';
import type { CallResult, StreamItem } from '../session/runner.js';
import { pick } from './buffer.js';
import { type BoardContext, badArgument, type Handle, whole } from './context.js';
import { type Facts, Shown } from './show.js';
import { BoardTensor } from './tensor.js';

const untilCode = { op: 0, layer: 1, token: 2 } as const;
const largest = 0xffff_ffff;

/** sampling; undefined where nothing was chosen, so that the board's or the session's own counts. */
export function samplingToWire({ temperature, topP, seed }: Sampling): Wire | undefined {
  if (temperature === undefined && topP === undefined && seed === undefined) return undefined;
  const heat = temperature ?? 0;
  const nucleus = topP ?? 1;
  if (!(heat >= 0 && heat <= 100)) throw badArgument(`temperature is ${heat}; it must be from 0 to 100`);
  if (!(nucleus > 0 && nucleus <= 1)) throw badArgument(`topP is ${nucleus}; it must be above 0 and at most 1`);
  return new Map<number, Wire>([
    [0, new Float(heat)],
    [1, new Float(nucleus)],
    [2, whole(seed ?? 0, 'seed', 0, Number.MAX_SAFE_INTEGER)],
  ]);
}

/** {@link InferenceSession} of a board. */
export class BoardInference extends Shown implements InferenceSession {
  readonly #context: BoardContext;
  readonly #handle: Handle;
  readonly #operators: readonly OperatorInfo[];
  #state: InferenceState;

  constructor(context: BoardContext, handle: Handle, state: InferenceState, operators: readonly OperatorInfo[]) {
    super();
    this.#context = context;
    this.#handle = handle;
    this.#state = state;
    this.#operators = operators;
  }

  get state(): InferenceState {
    return this.#state;
  }

  async step(options: Parameters<InferenceSession['step']>[0] = {}): Promise<StepResult> {
    const until = options.until ?? 'token';
    if (typeof until === 'string' && !(until in untilCode))
      throw badArgument(`until is ${until}; it is op, layer, token or { operator }`);
    if (typeof until === 'object' && !this.#operators.some(({ name }) => name === until.operator)) {
      throw badArgument(`The model has no operator ${until.operator}`);
    }
    const args = typeof until === 'string' ? { 1: untilCode[until] } : { 1: 3, 2: until.operator };
    const { result, body } = await this.#handle.call('infer.step', args, pick(options));
    const state = this.#took(new Reader(result, 'infer.step').inner(0));
    if (options.signal?.aborted) throw cancelled('infer.step');
    return { records: readTraceRecords(body, this.#operators), state };
  }

  generate(options: GenerateOptions): Generation {
    whole(options.maxTokens, 'maxTokens', 1, largest);
    const stop = options.stopTokens?.map((token) => whole(token, 'stopTokens', 0, largest));
    const args = { 1: options.maxTokens, 2: samplingToWire(options), 3: stop && stop.length > 0 ? stop : undefined };
    const generation = {
      stopReason: null as StopReason | null,
      [Symbol.asyncIterator]: () => this.#tokens(args, options, generation),
    };
    return generation;
  }

  async tensor(name: string, options: CallOptions = {}): Promise<TensorHandle> {
    const { result } = await this.#handle.call('infer.tensor', { 1: name, 2: 0, 3: 1 }, pick(options));
    const info = readTensorInfo(new Reader(result, 'infer.tensor'));
    return new BoardTensor(this.#context, this.#handle, info);
  }

  async snapshot(options: CallOptions = {}): Promise<{ position: number }> {
    const { result } = await this.#handle.call('infer.snapshot', {}, pick(options));
    return { position: new Reader(result, 'infer.snapshot').uint(0) };
  }

  async rewind(position: number, options: CallOptions = {}): Promise<InferenceState> {
    const { result } = await this.#handle.call(
      'infer.rewind',
      { 1: whole(position, 'position', 0, largest) },
      pick(options),
    );
    return this.#took(new Reader(result, 'infer.rewind').inner(0));
  }

  close(options: CallOptions = {}): Promise<void> {
    return this.#handle.free('infer.close', pick(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected override facts(): Facts {
    const { position, tokens } = this.#state;
    const state = this.#handle.alive ? 'open' : 'closed';
    return {
      line: `InferenceSession(position ${position} of ${tokens.length} tokens, ${state})`,
      title: 'Inference',
      rows: [
        ['state', state],
        ['position', String(position)],
        ['tokens', String(tokens.length)],
        ['next operator', this.#operators[this.#state.nextOperator]?.name ?? String(this.#state.nextOperator)],
      ],
    };
  }

  async *#tokens(
    args: Readonly<Record<number, Wire | undefined>>,
    options: GenerateOptions,
    generation: { stopReason: StopReason | null },
  ): AsyncGenerator<GeneratedToken> {
    const items: StreamItem[] = [];
    const leave = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, leave.signal]) : leave.signal;
    let wake = () => {};
    let over: { result: CallResult } | { error: unknown } | null = null;
    const end = (how: NonNullable<typeof over>) => {
      over = how;
      wake();
    };
    const onItem = (item: StreamItem) => {
      items.push(item);
      wake();
    };
    const call = this.#handle.call('infer.generate', args, { ...pick(options), signal, onItem }).then(
      (result) => {
        const reader = new Reader(result.result, 'infer.generate');
        this.#took(reader.inner(0));
        generation.stopReason = readStopReason(reader, 1);
        end({ result });
      },
      (error) => end({ error }),
    );
    call.catch((error) => end({ error }));
    try {
      for (;;) {
        const item = items.shift();
        if (options.signal?.aborted) throw cancelled('infer.generate');
        if (item) {
          item.taken();
          const reader = new Reader(item.payload, 'infer.generate item');
          yield { token: reader.uint(0), text: reader.text(1), records: readTraceRecords(item.body, this.#operators) };
        } else if (over) {
          if ('error' in over) throw (over as { error: unknown }).error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      leave.abort();
      await call.catch(() => undefined);
    }
  }

  #took(reader: Reader): InferenceState {
    this.#state = readInferenceState(reader);
    return this.#state;
  }
}

function cancelled(method: string): BoardError {
  return new BoardError('cancelled', `${method} was cancelled`, { fields: { method } });
}
