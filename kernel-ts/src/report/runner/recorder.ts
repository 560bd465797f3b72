/**
 * iopub messages → outputs of cells, as a front end stores them: streams joined, displays updated wherever they were
 * shown, `clear_output` obeyed. Knows messages by their parent, so late outputs land in the cell that started them.
 */
import type { KernelMessage } from '@jupyterlab/services';
import type { Output } from '../notebook.js';

/** What one cell has produced. */
export interface CellRecord {
  readonly outputs: Output[];
  executionCount: number | null;
  /** ISO times by message, as JupyterLab stores them in `metadata.execution`. */
  readonly execution: Record<string, string>;
  /** Settles when the kernel has begun the cell: an interrupt sent earlier could overtake the request and hit nothing. */
  readonly begun: Promise<void>;
}

interface Running extends CellRecord {
  readonly begin: () => void;
  /** `clear_output` with `wait`: the next output replaces what is there. */
  clearNext: boolean;
}

/** Mutable outputs of one run. */
export class Recorder {
  readonly #cells = new Map<string, Running>();
  readonly #displays = new Map<string, { outputs: Output[]; output: Output }[]>();

  /** Starts a record for the cell that the message executes. */
  begin(messageId: string): CellRecord {
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const record: Running = { outputs: [], executionCount: null, execution: {}, begun, begin, clearNext: false };
    this.#cells.set(messageId, record);
    return record;
  }

  /** Takes any iopub message; those without a cell of ours change only displays. */
  take(message: KernelMessage.IIOPubMessage): void {
    const { header, content } = message as { header: KernelMessage.IHeader; content: Record<string, unknown> };
    const cell = this.#cells.get((message.parent_header as { msg_id?: string }).msg_id ?? '');
    if (header.msg_type === 'update_display_data') this.#update(content);
    if (!cell) return;
    switch (header.msg_type) {
      case 'status':
        cell.execution[`iopub.status.${content.execution_state}`] = header.date;
        break;
      case 'execute_input':
        cell.execution['iopub.execute_input'] = header.date;
        cell.executionCount = content.execution_count as number;
        cell.begin();
        break;
      case 'clear_output':
        if (content.wait === true) cell.clearNext = true;
        else this.#clear(cell);
        break;
      case 'stream':
        this.#stream(cell, content as { name: string; text: string });
        break;
      case 'display_data':
      case 'execute_result':
        this.#display(cell, header.msg_type, content);
        break;
      case 'error':
        this.#add(cell, {
          output_type: 'error',
          ename: content.ename as string,
          evalue: content.evalue as string,
          traceback: content.traceback as string[],
        });
        break;
    }
  }

  #stream(cell: Running, { name, text }: { name: string; text: string }): void {
    if (cell.clearNext) this.#clear(cell);
    const last = cell.outputs.at(-1);
    if (last?.output_type === 'stream' && last.name === name) {
      cell.outputs[cell.outputs.length - 1] = { ...last, text: `${last.text as string}${text}` };
    } else {
      cell.outputs.push({ output_type: 'stream', name, text });
    }
  }

  #display(cell: Running, type: 'display_data' | 'execute_result', content: Record<string, unknown>): void {
    const { data, metadata, transient } = content as {
      data: Record<string, unknown>;
      metadata?: Record<string, unknown>;
      transient?: { display_id?: string };
    };
    const count = type === 'execute_result' ? { execution_count: content.execution_count as number } : {};
    const output: Output = { output_type: type, data, metadata: metadata ?? {}, ...count };
    this.#add(cell, output);
    const id = transient?.display_id;
    if (id === undefined) return;
    const shown = this.#displays.get(id) ?? [];
    shown.push({ outputs: cell.outputs, output });
    this.#displays.set(id, shown);
  }

  #update(content: Record<string, unknown>): void {
    const { data, metadata, transient } = content as {
      data: Record<string, unknown>;
      metadata?: Record<string, unknown>;
      transient?: { display_id?: string };
    };
    for (const place of this.#displays.get(transient?.display_id ?? '') ?? []) {
      const at = place.outputs.indexOf(place.output);
      if (at < 0) continue;
      place.output = { ...place.output, data, metadata: metadata ?? {} };
      place.outputs[at] = place.output;
    }
  }

  #add(cell: Running, output: Output): void {
    if (cell.clearNext) this.#clear(cell);
    cell.outputs.push(output);
  }

  #clear(cell: Running): void {
    cell.clearNext = false;
    cell.outputs.length = 0;
  }
}
