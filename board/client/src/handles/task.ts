/** NPU jobs: operands checked against their buffers, then submitted. Refuses to know the hardware. */
import type { Wire } from '../frame/cbor.js';
import { invoke } from '../messages/invoke.js';
import { Reader } from '../messages/reader.js';
import { readJobReport } from '../messages/results.js';
import type { CallOptions } from '../options.js';
import type { JobReport, Matmul, Operand, Task, Tasks } from '../task.js';
import { BoardBuffer, pick } from './buffer.js';
import { type BoardContext, badArgument, Handle, whole } from './context.js';
import { type Facts, Shown } from './show.js';

/** Largest m, k and n: what the wire carries. */
const largest = 0xffff_ffff;

/** Bytes of a value of A and B. */
const valueBytesOf: Readonly<Record<Matmul['kind'], number>> = { matmulInt8: 1, matmulFp16: 2 };

/** {@link Tasks} of a board. */
export function tasksOf(context: BoardContext): Tasks {
  return {
    async submit(job, options = {}) {
      const operations = (Array.isArray(job) ? job : [job]) as Matmul[];
      if (operations.length === 0) throw badArgument('A job needs at least one operation');
      const epoch = context.epoch();
      const { result } = await invoke(
        context.client,
        'task.submit',
        { 0: operations.map(operationToWire) },
        { ...pick(options), epoch },
      );
      const handle = new Handle(context, new Reader(result, 'task.submit').any(0), 'task', epoch);
      return new BoardTask(context, handle, operations.map(({ m, k, n }) => `${m}×${k}×${n}`).join(', '));
    },
  };
}

/** An operation as link.cddl's matmul, checked against its buffers. */
export function operationToWire(operation: Matmul): Wire {
  const { kind, m, k, n, a, b, c, layout = 'rowMajor' } = operation;
  const valueBytes = Object.hasOwn(valueBytesOf, kind) ? valueBytesOf[kind] : undefined;
  if (valueBytes === undefined) {
    throw badArgument(`kind is ${String(kind)}; the board knows ${Object.keys(valueBytesOf).join(' and ')}`);
  }
  if (layout !== 'rowMajor' && layout !== 'native')
    throw badArgument(`layout is ${String(layout)}; it is rowMajor or native`);
  for (const [name, value] of Object.entries({ m, k, n })) whole(value, name, 1, largest);
  const exact = layout === 'rowMajor';
  return new Map<number, Wire>([
    [0, kind],
    [1, m],
    [2, k],
    [3, n],
    [4, operandToWire(a, 'a', exact ? m * k * valueBytes : 1)],
    [5, operandToWire(b, 'b', exact ? n * k * valueBytes : 1)],
    [6, operandToWire(c, 'c', exact ? 4 * m * n : 1)],
    [7, exact ? 0 : 1],
  ]);
}

function operandToWire({ buffer, offsetBytes = 0 }: Operand, name: string, neededBytes: number): Wire {
  if (!(buffer instanceof BoardBuffer)) throw badArgument(`${name}.buffer is no buffer of board.memory.allocate`);
  whole(offsetBytes, `${name}.offsetBytes`, 0, buffer.sizeBytes);
  if (offsetBytes + neededBytes > buffer.sizeBytes) {
    throw badArgument(
      `${name} needs ${neededBytes} bytes from offset ${offsetBytes}; its buffer has ${buffer.sizeBytes}`,
    );
  }
  return new Map<number, Wire>([
    [0, buffer.handle.wire],
    [1, offsetBytes],
  ]);
}

/** {@link Task} of a board. */
export class BoardTask extends Shown implements Task {
  readonly #context: BoardContext;
  /** For further calls about the job. */
  readonly handle: Handle;
  readonly #shapes: string;
  #report: JobReport | null = null;

  constructor(context: BoardContext, handle: Handle, shapes: string) {
    super();
    this.#context = context;
    this.handle = handle;
    this.#shapes = shapes;
  }

  async wait(options: CallOptions = {}): Promise<JobReport> {
    const { result } = await this.handle.call('task.wait', {}, pick(options));
    this.#report = readJobReport(result, this.#context.clockHz());
    return this.#report;
  }

  protected override facts(): Facts {
    const done = this.#report;
    const state = done ? (done.modelledUs === null ? 'done' : `done, ${done.modelledUs} µs modelled`) : 'submitted';
    return {
      line: `Task(${this.#shapes}, ${state})`,
      title: 'Task',
      rows: [
        ['work', this.#shapes],
        ['state', state],
      ],
    };
  }
}
