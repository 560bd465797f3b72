/** npu.* on this side: the shared vectors, and words from names that a board sent. */
import { readFileSync } from 'node:fs';
import { RegisterMap } from '@npulab/board';
import { describe, expect, test } from 'vitest';
import { parseFrame } from '../src/frame/frame.js';
import { readCaptured, readCounters, readMixes, readRegisterBlock, readStep, readWords } from '../src/messages/npu.js';
import { Reader } from '../src/messages/reader.js';
import { readReply } from '../src/messages/session.js';

const vectors: { name: string; hex: string }[] = JSON.parse(
  readFileSync(new URL('../../link/vectors/v1.json', import.meta.url), 'utf8'),
);
const frame = (name: string) =>
  parseFrame(new Uint8Array(Buffer.from(vectors.find((one) => one.name === name)!.hex, 'hex')));
const result = (name: string) => readReply(frame(name).meta);

const map = new RegisterMap(
  [
    {
      name: 'PC',
      target: 0x0101,
      base: 0,
      registers: ['BASE_ADDRESS', 'REGISTER_AMOUNTS'].map((name, index) => ({
        name: `PC.${name}`,
        offset: 0x10 + 4 * index,
        doc: '',
        source: '',
        fields: [],
      })),
    },
    {
      name: 'PPU',
      target: 0x4001,
      base: 0x6000,
      registers: [
        { name: 'PPU.S_POINTER', offset: 0x6004, doc: '', source: '', fields: [] },
        {
          name: 'PPU.CUBE',
          offset: 0x600c,
          doc: '',
          source: '',
          fields: [
            { name: 'HIGH', msb: 28, lsb: 16, doc: '' },
            { name: 'LOW', msb: 12, lsb: 0, doc: '' },
          ],
        },
      ],
    },
    {
      name: 'DDMA',
      target: null,
      base: 0x8000,
      registers: [{ name: 'DDMA.X', offset: 0x8000, doc: '', source: '', fields: [] }],
    },
  ],
  [{ name: 'pooling', mask: 0x60, writes: [0x6004, 0x600c] }],
);

describe('the vectors of npu.*', () => {
  test('registers, mixes, steps, counters and recordings read as written', () => {
    const { block, blocks } = readRegisterBlock(result('npu.registers reply'));
    expect(blocks).toBe(11);
    expect(block.registers[0]).toMatchObject({
      name: 'CNA.CBUF_CON0',
      offset: 0x1040,
      fields: [{ name: 'DATA_BANK', msb: 3, lsb: 0 }],
    });
    expect(readMixes(result('npu.mixes reply'))).toEqual([
      { name: 'pooling', mask: 0x60, writes: [0x6004, 0x7004, 0x600c] },
    ]);
    expect(readStep(result('npu.step reply'))).toMatchObject({ task: 1, tasks: 2, modelledUs: 51.2, cycles: 48000 });
    expect(readCounters(new Reader(result('npu.counters reply'), 'counters'))).toEqual({
      dataWritten: 0x6400,
      dataRead: 0x32c9,
      weightsRead: 0x1900,
      tasksDone: 1,
      interruptsRaw: 0x100,
      interrupts: 0x100,
    });
    expect(readCaptured(result('npu.captured reply'))).toMatchObject({ submits: 2, files: [{ name: 'JOB.json' }] });
    expect(readWords(frame('npu.disassemble reply').body)).toEqual([
      { index: 0, word: 'barrier', value: '', fields: '' },
    ]);
  });
});

describe('words from names', () => {
  test('a full task writes every register of its mix, then the tail', () => {
    const words = map.task('pooling', { 'PPU.CUBE': { HIGH: 3, LOW: 0x1fff } }, { address: 0x480, words: 137 });
    expect([...words].map((word) => word.toString(16).padStart(16, '0'))).toEqual([
      '40010000000e6004',
      '400100031fff600c',
      '0101000004800010',
      '0101000000880014',
      '0041000000000000',
      '0081000000600008',
    ]);
  });

  test('what no register can hold is refused by name', () => {
    expect(() => map.value('PPU.CUBE', { LOW: 0x2000 })).toThrow('PPU.CUBE LOW is 8192');
    expect(() => map.value('PPU.CUBE', { WIDTH: 1 })).toThrow('no field WIDTH; it has HIGH, LOW');
    expect(() => map.word('PPU.NOTHING', 0)).toThrow('No register PPU.NOTHING');
    expect(() => map.word('DDMA.X', 0)).toThrow('No command word reaches DDMA.X');
    expect(() => map.task('pooling', { 'DDMA.X': 1 })).toThrow('A pooling task does not write DDMA.X');
    expect(() => map.task('none', {})).toThrow('there is pooling');
  });
});
