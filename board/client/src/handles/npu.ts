/** The NPU by hand: programs and recordings over npu.*. Refuses to know registers: names and order come from the board. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Buffer } from '../buffer.js';
import { BoardError } from '../errors.js';
import type { Wire } from '../frame/cbor.js';
import { damaged } from '../frame/header.js';
import { invoke } from '../messages/invoke.js';
import { readCaptured, readCounters, readMixes, readRegisterBlock, readStep, readWords } from '../messages/npu.js';
import { Reader } from '../messages/reader.js';
import type { CapturedFile, Npu, NpuCapture, NpuJob, NpuProgram, NpuStep } from '../npu.js';
import type { CallOptions } from '../options.js';
import { type RegisterBlock, RegisterMap } from '../register-map.js';
import type { Matmul } from '../task.js';
import { BoardBuffer, pick } from './buffer.js';
import { type BoardContext, badArgument, Handle, pieceOf, whole } from './context.js';
import { inPieces } from './pieces.js';
import { type Facts, Shown, size } from './show.js';
import { BoardTask, operationToWire } from './task.js';

/** {@link Npu} of a board. */
export function npuOf(context: BoardContext): Npu {
  let map: Promise<RegisterMap> | null = null;
  const npu: Npu = {
    registers(options = {}) {
      map ??= registerMap(context, options).catch((error) => {
        map = null;
        throw error;
      });
      return map;
    },
    async address(buffer, options = {}) {
      const { result } = await own(buffer, 'buffer').handle.call('npu.address', {}, pick(options));
      return new Reader(result, 'npu.address').uint(0);
    },
    async disassemble(what, options = {}) {
      if ('buffer' in what) {
        const { buffer, offsetBytes, words } = checked(what);
        const { body } = await buffer.handle.call('npu.disassemble', { 1: offsetBytes, 2: words }, pick(options));
        return readWords(body);
      }
      const operations = (Array.isArray(what) ? what : [what]) as Matmul[];
      const epoch = context.epoch();
      const { body } = await invoke(
        context.client,
        'npu.listing',
        { 0: operations.map(operationToWire) },
        { ...pick(options), epoch },
      );
      return readWords(body);
    },
    async submit(program, options = {}) {
      const { buffer, offsetBytes, words } = checked(program);
      const { tasks = 1, interruptMask = 0x300, operands = [] } = program;
      const stepped = options.stepped ?? false;
      const epoch = context.epoch();
      const { result } = await buffer.handle.call(
        'npu.submit',
        {
          1: offsetBytes,
          2: words,
          3: whole(tasks, 'tasks', 1, 4095),
          4: whole(interruptMask, 'interruptMask', 0, 0xffff_ffff),
          5: operands.map((operand, index): Wire => own(operand, `operands[${index}]`).handle.wire),
          6: stepped,
        },
        pick(options),
      );
      const handle = new Handle(context, new Reader(result, 'npu.submit').any(0), 'job', epoch);
      return new BoardNpuJob(context, handle, `${tasks} task${tasks === 1 ? '' : 's'} of command words`);
    },
    step: (job, options) => job.step(options),
    async counters(options = {}) {
      const { result } = await invoke(context.client, 'npu.counters', {}, pick(options));
      return readCounters(new Reader(result, 'npu-counters'));
    },
    async capture(run, options = {}) {
      await invoke(context.client, 'npu.capture', {}, pick(options));
      try {
        await run();
      } catch (error) {
        // What was recorded up to the failure is of no use without its end.
        await invoke(context.client, 'npu.captured', {}).catch(() => undefined);
        throw error;
      }
      const { result } = await invoke(context.client, 'npu.captured', {}, pick(options));
      const { submits, files } = readCaptured(result);
      const kept: CapturedFile[] = [];
      for (const { name, sizeBytes, digest } of files) {
        kept.push({ name, bytes: await fetchFile(context, name, sizeBytes, digest, options) });
      }
      return new Capture(submits, kept);
    },
  };
  return npu;
}

async function registerMap(context: BoardContext, options: CallOptions): Promise<RegisterMap> {
  const blocks: RegisterBlock[] = [];
  let count = 1;
  while (blocks.length < count) {
    const { result } = await invoke(context.client, 'npu.registers', { 0: blocks.length }, pick(options));
    const { block, blocks: known } = readRegisterBlock(result);
    blocks.push(block);
    count = known;
  }
  const { result } = await invoke(context.client, 'npu.mixes', {}, pick(options));
  return new RegisterMap(blocks, readMixes(result));
}

async function fetchFile(
  context: BoardContext,
  name: string,
  sizeBytes: number,
  digest: string,
  options: CallOptions,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  await inPieces(sizeBytes, pieceOf(context), options, async (at, length, call) => {
    const { body } = await invoke(context.client, 'npu.captureFile', { 0: name, 1: at, 2: length }, call);
    if ((body?.byteLength ?? 0) !== length)
      throw damaged(`npu.captureFile: ${body?.byteLength ?? 0} bytes where ${length} were asked for`);
    bytes.set(body!, at);
  });
  if (createHash('sha256').update(bytes).digest('hex') !== digest)
    throw new BoardError('corrupt', `${name} of the recording arrived damaged`);
  return bytes;
}

function own(buffer: Buffer, name: string): BoardBuffer {
  if (!(buffer instanceof BoardBuffer)) throw badArgument(`${name} is no buffer of board.memory.allocate`);
  return buffer;
}

function checked({ buffer, offsetBytes = 0, words }: NpuProgram) {
  const mine = own(buffer, 'buffer');
  whole(offsetBytes, 'offsetBytes', 0, mine.sizeBytes);
  whole(words, 'words', 1, Math.floor((mine.sizeBytes - offsetBytes) / 8));
  return { buffer: mine, offsetBytes, words };
}

class BoardNpuJob extends BoardTask implements NpuJob {
  async step(options: CallOptions = {}): Promise<NpuStep> {
    const { result } = await this.handle.call('npu.step', {}, pick(options));
    return readStep(result);
  }
}

class Capture extends Shown implements NpuCapture {
  readonly submits: number;
  readonly files: readonly CapturedFile[];
  readonly digest: string;

  constructor(submits: number, files: readonly CapturedFile[]) {
    super();
    this.submits = submits;
    this.files = files;
    this.digest = createHash('sha256')
      .update(files[0]?.bytes ?? new Uint8Array())
      .digest('hex');
  }

  async save(folder: string): Promise<string> {
    await mkdir(folder, { recursive: true });
    for (const { name, bytes } of this.files) await writeFile(join(folder, name), bytes);
    return join(folder, 'JOB.json');
  }

  protected override facts(): Facts {
    const bytes = this.files.reduce((sum, file) => sum + file.bytes.byteLength, 0);
    const starts = `${this.submits} hardware start${this.submits === 1 ? '' : 's'}`;
    return {
      line: `Capture(${starts}, ${this.files.length} files, ${size(bytes)}, JOB.json ${this.digest.slice(0, 16)})`,
      title: 'Recorded job',
      rows: [
        ['hardware starts', String(this.submits)],
        ['files', `${this.files.length}, ${size(bytes)}`],
        ['JOB.json', this.digest.slice(0, 16)],
        ['replay', 'await capture.save(folder), then npulab-npu run folder/JOB.json'],
      ],
    };
  }
}
