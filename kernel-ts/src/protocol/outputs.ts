/**
 * What a language emits → iopub messages. Knows which request an output belongs to, also long after that request has
 * ended; refuses to know when a cell ends.
 *
 * Bounds: a cell may publish {@link maxOutputBytes}; what comes after is dropped and the cell says so once. Requests are
 * remembered for late outputs up to {@link rememberedRequests}; output of an older one goes out without a parent.
 */
import { maxOutputLength } from './history/history.js';
import type { LanguageOutput } from './language.js';
import type { Header, Json, Outgoing } from './message.js';

/** Limit of streams, displays and results of one cell, counted in UTF-16 units of their JSON, of long streams in its bytes. */
export const maxOutputBytes = 256 * 1024 * 1024;

/** How many requests are remembered for outputs that come late. */
export const rememberedRequests = 10_000;

interface Origin {
  readonly parent: Header;
  readonly executionCount: number;
  readonly silent: boolean;
  sizeBytes: number;
  resultText: string | undefined;
}

/** Routes outputs to the request that caused them. */
export class Outputs {
  readonly #publish: (type: string, content: Outgoing['content'], parent: Json) => void;
  readonly #origins = new Map<string, Origin>();
  readonly #limitBytes: number;

  constructor(
    publish: (type: string, content: Outgoing['content'], parent: Json) => void,
    limitBytes = maxOutputBytes,
  ) {
    this.#publish = publish;
    this.#limitBytes = limitBytes;
  }

  /** Makes a request known before its code runs. */
  register(requestId: string, parent: Header, executionCount: number, silent: boolean): void {
    this.#origins.set(requestId, { parent, executionCount, silent, sizeBytes: 0, resultText: undefined });
    if (this.#origins.size <= rememberedRequests) return;
    for (const oldest of this.#origins.keys()) {
      this.#origins.delete(oldest);
      break;
    }
  }

  /** Header of the request that an output or a comm message belongs to. */
  parentOf(requestId: string): Json {
    return this.#origins.get(requestId)?.parent ?? {};
  }

  /** Publishes one output. */
  emit(requestId: string, output: LanguageOutput): void {
    const origin = this.#origins.get(requestId);
    if (output.kind === 'result' && origin?.silent) return;
    if (origin && !this.#fits(origin, output)) return;
    const plain = output.kind === 'result' ? output.data['text/plain'] : undefined;
    if (origin && typeof plain === 'string') origin.resultText = plain.slice(0, maxOutputLength);
    const { type, content } = toMessage(output, origin?.executionCount ?? 0);
    this.#publish(type, content, origin?.parent ?? {});
  }

  /** `text/plain` of the request's result, for the history; forgotten when it has been asked for. */
  resultText(requestId: string): string | undefined {
    const origin = this.#origins.get(requestId);
    const text = origin?.resultText;
    if (origin) origin.resultText = undefined;
    return text;
  }

  #fits(origin: Origin, output: LanguageOutput): boolean {
    if (output.kind === 'clear') return true;
    const before = origin.sizeBytes;
    origin.sizeBytes += sizeOf(output);
    if (origin.sizeBytes <= this.#limitBytes) return true;
    if (before <= this.#limitBytes) {
      const text = `npulab: this cell has published more than ${this.#limitBytes} bytes; the rest is dropped\n`;
      this.#publish('stream', { name: 'stderr', text }, origin.parent);
    }
    return false;
  }
}

function sizeOf(output: Exclude<LanguageOutput, { kind: 'clear' }>): number {
  if (output.kind === 'stream') return output.text.length;
  if (output.kind === 'long-stream') return output.json.length;
  let size = 0;
  for (const value of Object.values(output.data)) {
    size += typeof value === 'string' ? value.length : (JSON.stringify(value) ?? '').length;
  }
  return size;
}

function toMessage(output: LanguageOutput, executionCount: number): Pick<Outgoing, 'type' | 'content'> {
  switch (output.kind) {
    case 'stream':
      return { type: 'stream', content: { name: output.name, text: output.text } };
    case 'long-stream': {
      const parts = [Buffer.from(`{"name":"${output.name}","text":`), output.json, Buffer.from('}')];
      return { type: 'stream', content: Buffer.concat(parts) };
    }
    case 'display': {
      // An object always: `transient: null` has crashed clients.
      const transient = output.displayId === undefined ? {} : { display_id: output.displayId };
      const content = { data: output.data, metadata: output.metadata, transient };
      return { type: output.update ? 'update_display_data' : 'display_data', content };
    }
    case 'result':
      return {
        type: 'execute_result',
        content: { execution_count: executionCount, data: output.data, metadata: output.metadata },
      };
    case 'clear':
      return { type: 'clear_output', content: { wait: output.wait } };
  }
}
