import { describe, expect, test } from 'vitest';
import { decodeCbor, encodeAround, encodeCbor, Float, type Wire } from '../src/frame/cbor.js';
import { type Frame, frameBytes, framePieces, parseFrame } from '../src/frame/frame.js';
import { type FrameType, frameType, maxFrameBytes } from '../src/frame/header.js';
import { Deframer } from '../src/link/deframer.js';
import { Link } from '../src/link/link.js';
import { methods } from '../src/messages/methods.js';
import { memoryPipe } from '../src/transport/memory.js';
import { settle } from './fake-clock.js';

const frame = (type: FrameType, call: number, body: Uint8Array<ArrayBuffer> | null = null): Frame => ({
  type,
  flags: 0,
  method: 0,
  call,
  meta: encodeCbor(new Map()),
  body,
});
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('a link', () => {
  test('holds back while the wire is full, and then lets control overtake bulk', async () => {
    const pipe = memoryPipe();
    const seen: number[] = [];
    const far = new Deframer(({ call }) => seen.push(call));
    pipe.ends[1].start({ onData: (chunk) => far.push(chunk), onDrain: () => undefined, onClose: () => undefined });
    const link = new Link(pipe.ends[0], { onFrame: () => undefined, onDown: () => undefined });
    pipe.hold(true);
    for (const call of [2, 4, 6]) link.send(frame(frameType.call, call, new Uint8Array(1000)));
    link.send(frame(frameType.ping, 100));
    expect(link.queuedBytes).toBe(2 * (16 + 1 + 7 + 1000) + 17);
    await settle();
    expect(seen).toEqual([]);
    pipe.hold(false);
    await settle();
    expect(seen).toEqual([2, 100, 4, 6]);
    expect(link.queuedBytes).toBe(0);
  });

  test('gives every body memory of its own', async () => {
    const pipe = memoryPipe();
    const bodies: Uint8Array[] = [];
    new Link(pipe.ends[1], { onFrame: ({ body }) => bodies.push(body!), onDown: () => undefined });
    const link = new Link(pipe.ends[0], { onFrame: () => undefined, onDown: () => undefined });
    link.send(frame(frameType.reply, 2, Uint8Array.of(1, 2)));
    link.send(frame(frameType.reply, 4, Uint8Array.of(3)));
    await settle();
    expect(bodies.map((body) => [body.byteOffset, body.buffer.byteLength, ...body])).toEqual([
      [0, 2, 1, 2],
      [0, 1, 3],
    ]);
  });

  test('writes everything that waits before it ends', async () => {
    const pipe = memoryPipe();
    const calls: number[] = [];
    const downs: string[] = [];
    new Link(pipe.ends[1], { onFrame: ({ call }) => calls.push(call), onDown: (reason) => downs.push(reason) });
    const link = new Link(pipe.ends[0], {
      onFrame: () => undefined,
      onDown: (reason) => downs.push(`near: ${reason}`),
    });
    for (const call of [2, 4]) link.send(frame(frameType.call, call, new Uint8Array(10)));
    link.end();
    link.send(frame(frameType.ping, 6));
    await settle();
    expect([calls, downs]).toEqual([[2, 4], ['the other side ended it']]);
  });
});

describe('a frame', () => {
  test('of the largest size passes, one byte more does not', () => {
    const sizes: number[] = [];
    const deframer = new Deframer((one) => sizes.push(frameBytes(one)));
    const whole = frame(frameType.reply, 2, new Uint8Array(maxFrameBytes - 24));
    const push = (one: Frame) => {
      const [head, body] = framePieces(one, 4);
      new DataView(head!.buffer).setUint32(0, frameBytes(one), true);
      deframer.push(head!);
      deframer.push(body!);
    };
    push(whole);
    expect(sizes).toEqual([maxFrameBytes]);
    expect(() => push({ ...whole, body: new Uint8Array(maxFrameBytes - 23) })).toThrow(
      'a frame length of 1048577 bytes',
    );
  });

  test('cut anywhere is refused, never misread', () => {
    const [head, body] = framePieces(frame(frameType.reply, 2, Uint8Array.of(1, 2, 3)), 0);
    const whole = new Uint8Array([...head!, ...body!]);
    expect(parseFrame(whole).body).toEqual(Uint8Array.of(1, 2, 3));
    for (let length = 0; length < whole.byteLength; length += 1) {
      expect(() => parseFrame(whole.subarray(0, length))).toThrow('The board sent');
    }
  });

  test('with flags, padding or reserved bytes nobody agreed on is refused', () => {
    const [head, body] = framePieces(frame(frameType.reply, 2, Uint8Array.of(1)), 0);
    const whole = new Uint8Array([...head!, ...body!]);
    const broken = (at: number, value: number) => () => parseFrame(whole.with(at, value));
    expect(broken(0, 0x11)).toThrow('flags 1');
    expect(broken(0, 0x14)).toThrow('flags 4');
    // Only what carries a body may be compressed: calls, their answers and items.
    const [event, rest] = framePieces(frame(frameType.event, 0, Uint8Array.of(1)), 0);
    expect(() => parseFrame(new Uint8Array([...event!, ...rest!]).with(0, 0x12))).toThrow('flags 2');
    expect(broken(10, 6)).toThrow('6 padding bytes');
    expect(broken(11, 1)).toThrow('reserved');
    expect(broken(17, 1)).toThrow('padding that is not zero');
  });

  test('with any single byte changed either parses to the same size or is refused with a BoardError', () => {
    const [head, body] = framePieces(frame(frameType.item, 2, Uint8Array.of(7, 8)), 0);
    const whole = new Uint8Array([...head!, ...body!]);
    for (let at = 0; at < whole.byteLength; at += 1) {
      for (let value = 0; value < 256; value += 1) {
        try {
          expect(frameBytes(parseFrame(whole.with(at, value)))).toBe(whole.byteLength);
        } catch (error) {
          expect((error as { code: string }).code).toBe('board.damaged-message');
        }
      }
    }
  });
});

describe('CBOR', () => {
  test.each([
    [0, 'f90000'],
    [-0, 'f98000'],
    [1, 'f93c00'],
    [-2, 'f9c000'],
    [65504, 'f97bff'],
    [65505, 'fa477fe100'],
    [100000, 'fa47c35000'],
    [2 ** 53 - 1, 'fb433fffffffffffff'],
    [1.5, 'f93e00'],
    [0.1, 'fb3fb999999999999a'],
    [Number.NaN, 'f97e00'],
    [Number.POSITIVE_INFINITY, 'f97c00'],
  ])('%d as a float takes its shortest form', (value, expected) => {
    expect(hex(encodeCbor(new Float(value)))).toBe(expected);
  });

  test.each([
    '',
    'a2',
    'a20102',
    'a200010002',
    'a201020003',
    '1800',
    '5f',
    '9bffffffffffffffff',
    '5bffffffffffffffff',
    'f7',
    '0000',
    'ff',
    'fa3f800000',
    'fb3ff0000000000000',
    'f97e01',
    'fb7ff8000000000000',
    '61ff',
    '62c328',
    'a201010002',
    'a2616200616100',
    'a261610000f6',
    'a12000',
    'a1810000',
    'a1f500',
    'c100',
    'f818',
    'e0',
  ])("'%s' is refused with a BoardError", (text) => {
    expect(() => decodeCbor(new Uint8Array(Buffer.from(text, 'hex')))).toThrow('not deterministic CBOR');
  });

  test.each(['f93e00', 'fb3fb999999999999a', '63efbfbd', 'a3000161620062616100', '1bffffffffffffffff', '3863', '8180'])(
    "'%s' is taken and leaves as it came",
    (text) => {
      const value = decodeCbor(new Uint8Array(Buffer.from(text, 'hex')));
      expect(hex(encodeCbor(value))).toBe(text);
    },
  );

  test('arguments that are ready stand in a CALL as they are', () => {
    const ready = encodeCbor(new Map<number, Wire>([[0, new Uint8Array(300)]]));
    const rest = new Map<number, Wire>([
      [2, 70_000],
      [1, 5],
    ]);
    expect(decodeCbor(encodeAround(ready, rest))).toEqual(
      new Map<number, Wire>([
        [0, decodeCbor(ready)],
        [1, 5],
        [2, 70_000],
      ]),
    );
    expect(hex(encodeAround(encodeCbor(new Map()), new Map()))).toBe('a100a0');
  });

  test('deep nesting is refused without harm', () => {
    expect(() => decodeCbor(new Uint8Array(60_000).fill(0x81))).toThrow('not deterministic CBOR');
  });

  test('keys are sorted whatever the order of insertion', () => {
    const value: Wire = new Map<number, Wire>([
      [24, 1],
      [3, 2],
      [0, 3],
    ]);
    expect(hex(encodeCbor(value))).toBe('a300030302181801');
  });
});

test('methods are numbered and classed as in link.cddl', async () => {
  const { readFile } = await import('node:fs/promises');
  const cddl = await readFile(new URL('../../link/link.cddl', import.meta.url), 'utf8');
  const lines = [...cddl.matchAll(/^; 0x([0-7][0-9a-f]{3}) (\S+)\s+(pure|idempotent|once)\b/gm)];
  const streams = new Set([...cddl.matchAll(/^(\S+)\.item = /gm)].map(([, name]) => name));
  expect(methods().map(({ number, name, retry, stream }) => [number, name, retry, stream])).toEqual(
    lines.map(([, number, name, retry]) => [Number.parseInt(number!, 16), name, retry, streams.has(name)]),
  );
});
