/** A running inference in a cell: the client's session plus everything it has traced so far. */
import { inspect } from 'node:util';
import type {
  GenerateOptions,
  Generation,
  InferenceSession,
  InferenceState,
  OperatorInfo,
  StepResult,
  TraceRecord,
} from '@npulab/board';
import { card, type Displayable, jupyterDisplay, shownAs } from '../display/index.js';
import type { LabContext, WaitOptions } from './context.js';
import { stepBundle } from './faces.js';
import type { Ledger } from './ledger.js';
import { LabTensor } from './tensor.js';

/** One step, with the tensor that the last operator left. */
export interface LabStep extends StepResult {
  /** Output of the last operator that ran: `summary()`, `read()` or `replace()` it. */
  readonly output: LabTensor;
}

type StepOptions = Parameters<InferenceSession['step']>[0];

export class LabSession implements AsyncDisposable, Displayable {
  readonly #session: InferenceSession;
  readonly #operators: readonly OperatorInfo[];
  readonly #context: LabContext;
  readonly #ledger: Ledger;
  readonly #trace: TraceRecord[] = [];

  constructor(session: InferenceSession, operators: readonly OperatorInfo[], context: LabContext, ledger: Ledger) {
    this.#session = session;
    this.#operators = operators;
    this.#context = context;
    this.#ledger = ledger;
  }

  /** Every operator that has run, in order. */
  get trace(): readonly TraceRecord[] {
    return this.#trace;
  }

  /** Where the inference stands. */
  get state(): InferenceState {
    return this.#session.state;
  }

  /** Runs to the next `op`, `layer`, `token` (default) or to a named operator. */
  async step(options: StepOptions = {}): Promise<LabStep> {
    const result = await this.#session.step({ signal: this.#context.signal, ...options });
    this.#trace.push(...result.records);
    const last = result.records.at(-1)?.operator ?? 'sample';
    return shownAs({ ...result, output: await this.tensor(last) }, () => stepBundle(result));
  }

  /** Generates tokens as they come; sampling given here replaces the session's. */
  generate(options: GenerateOptions): Generation {
    const { temperature = 0, topP = 1, seed = 0 } = options;
    this.#ledger.add('sampling', { temperature, topP, seed });
    const generation = this.#session.generate({ signal: this.#context.signal, ...options });
    const trace = this.#trace;
    const tokens = {
      get stopReason() {
        return generation.stopReason;
      },
      async *[Symbol.asyncIterator]() {
        for await (const token of generation) {
          trace.push(...token.records);
          yield token;
        }
      },
    };
    return shownAs(tokens, () =>
      card('Generation', {
        tokens: 'for await (const { text } of generation) …, or at once: await run.text({ maxTokens })',
        'stop reason': generation.stopReason ?? 'not ended',
      })[jupyterDisplay](),
    );
  }

  /** Generates and returns the text at once. */
  async text(options: GenerateOptions): Promise<string> {
    let text = '';
    for await (const token of this.generate(options)) text += token.text;
    return text;
  }

  /** The tensor an operator left, by the operator's name. */
  async tensor(name: string, options: WaitOptions = {}): Promise<LabTensor> {
    return new LabTensor(await this.#session.tensor(name, { signal: this.#context.signal, ...options }), this.#context);
  }

  /** Marks the present position for {@link rewind}. */
  snapshot(options: WaitOptions = {}): Promise<{ position: number }> {
    return this.#session.snapshot({ signal: this.#context.signal, ...options });
  }

  /** Goes back to an earlier token position; the trace keeps what ran. */
  rewind(position: number, options: WaitOptions = {}): Promise<InferenceState> {
    return this.#session.rewind(position, { signal: this.#context.signal, ...options });
  }

  /** Frees the inference on the board. */
  close(): Promise<void> {
    return this.#session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [inspect.custom](): string {
    return String(this.#session);
  }

  [jupyterDisplay]() {
    const { position, tokens, nextOperator } = this.state;
    return card('Inference', {
      tokens: tokens.length,
      position,
      'next operator': this.#operators[nextOperator]?.name,
      'operators traced': this.#trace.length,
    })[jupyterDisplay]();
  }
}
