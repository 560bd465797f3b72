/** Results of npu.* as public shapes. Refuses to know who asked. */
import type { Wire } from '../frame/cbor.js';
import type { DisassembledWord, NpuCounters, NpuStep } from '../npu.js';
import type { RegisterBlock, TaskMix } from '../register-map.js';
import { Reader, toHex } from './reader.js';

/** register-block, and how many blocks there are. */
export function readRegisterBlock(result: Wire): { block: RegisterBlock; blocks: number } {
  const reader = new Reader(result, 'register-block');
  const name = reader.text(0);
  const registers = reader.readers(3).map((one) => ({
    offset: one.uint(0),
    name: `${name}.${one.text(1)}`,
    doc: one.text(2),
    source: one.text(3),
    fields: one
      .readers(4)
      .map((field) => ({ name: field.text(0), msb: field.uint(1), lsb: field.uint(2), doc: field.text(3) })),
  }));
  return {
    block: { name, target: reader.uintOrNull(1), base: reader.uint(2), registers },
    blocks: reader.uint(4),
  };
}

/** [* mix] */
export function readMixes(result: Wire): TaskMix[] {
  const reader = new Reader(result, 'npu.mixes');
  return reader.readers(0).map((one) => ({ name: one.text(0), mask: one.uint(1), writes: one.uints(2) }));
}

/** npu-counters */
export function readCounters(reader: Reader): NpuCounters {
  return {
    dataWritten: reader.uint(0),
    dataRead: reader.uint(1),
    weightsRead: reader.uint(2),
    tasksDone: reader.uint(3),
    interruptsRaw: reader.uint(4),
    interrupts: reader.uint(5),
  };
}

/** step */
export function readStep(result: Wire): NpuStep {
  const reader = new Reader(result, 'step');
  return {
    task: reader.uint(0),
    tasks: reader.uint(1),
    cycles: reader.uint(2),
    modelledUs: reader.uint(3) / 1000,
    dataReadBytes: reader.uint(4),
    weightReadBytes: reader.uint(5),
    writtenBytes: reader.uint(6),
    counters: readCounters(reader.inner(7)),
  };
}

/** npu.captured */
export function readCaptured(result: Wire): {
  submits: number;
  files: { name: string; sizeBytes: number; digest: string }[];
} {
  const reader = new Reader(result, 'npu.captured');
  return {
    submits: reader.uint(0),
    files: reader
      .readers(1)
      .map((one) => ({ name: one.text(0), sizeBytes: one.uint(1), digest: toHex(one.bytes(2, 32)) })),
  };
}

/** The text of npu.disassemble and npu.listing, line by line. */
export function readWords(body: Uint8Array | null): DisassembledWord[] {
  const lines = new TextDecoder().decode(body ?? new Uint8Array()).split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line, index) => {
      if (line.startsWith(';')) return { index, word: line, value: '', fields: '' };
      const [code = '', fields = ''] = line.split(' ; ', 2);
      const [word = '', value = ''] = code.split(' ');
      return { index, word, value, fields };
    });
}
