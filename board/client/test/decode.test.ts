/** Captures of both kinds, said again in words; and any bytes at all, without a failure. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeCapture, decodedText, guessKind } from '../src/decode.js';
import { FaultLine, noFaults } from './uart/fault-line.js';
import { Random } from './uart/random.js';
import { TwoEnds } from './uart/two-ends.js';

const vectors: { name: string; hex: string; frame: { type: string } }[] = JSON.parse(
  readFileSync(new URL('../../link/vectors/v1.json', import.meta.url), 'utf8'),
);
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const stream = (frames: Uint8Array[]) =>
  new Uint8Array(
    Buffer.concat(
      frames.flatMap((frame) => {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(frame.byteLength);
        return [length, frame];
      }),
    ),
  );

describe('a TCP capture', () => {
  const capture = stream(vectors.map(({ hex }) => bytes(hex)));

  test('is told apart by itself, and every frame of the contract is named', () => {
    expect(guessKind(capture)).toBe('tcp');
    const found = decodeCapture(capture);
    expect(found.map((one) => (one.kind === 'frame' ? one.type : one.kind))).toEqual(
      vectors.map(({ frame }) => frame.type),
    );
    expect(decodedText(decodeCapture(stream([bytes(vectors.find(({ name }) => name === 'ping')!.hex)]))[0]!)).toBe(
      '       0  PING {"0":1795000000000000}',
    );
  });

  test('that ends in the middle says so', () => {
    expect(decodeCapture(capture.subarray(0, -3)).at(-1)).toMatchObject({
      kind: 'damaged',
      why: 'the capture ends inside a frame',
    });
  });
});

describe('a serial capture', () => {
  test('gives PDUs, frames put together, and console text', () => {
    const ends = new TwoEnds(3);
    const captured: Uint8Array[] = [];
    for (const end of [ends.host, ends.board]) {
      const write = end.out.write.bind(end.out);
      end.out.write = (data, now) => {
        captured.push(data.slice());
        write(data, now);
      };
    }
    const frames = ['hello-host', 'sys.echo call'].map((wanted) =>
      bytes(vectors.find(({ name }) => name === wanted)!.hex),
    );
    for (const frame of frames) ends.host.arq.send(0, [frame]);
    ends.run(() => ends.board.frames.length === 2 && ends.host.arq.idle && ends.board.arq.idle, 10_000);
    const capture = new Uint8Array(Buffer.concat([...captured, Buffer.from('[ 1.0] up\r\n\0')]));
    expect(guessKind(capture)).toBe('serial');
    const found = decodeCapture(capture);
    expect(found.flatMap((one) => (one.kind === 'frame' ? [`${one.type} ${one.method}`] : []))).toEqual([
      'HELLO ',
      'CALL sys.echo',
    ]);
    expect(found.every((one) => one.kind !== 'pdu' || one.sum === 'right')).toBe(true);
    expect(found.at(-1)).toMatchObject({ kind: 'console', text: '[ 1.0] up\r\n' });
  });

  test('of a bad line names what is damaged', () => {
    const random = new Random(5);
    const line = new FaultLine(random, { ...noFaults, flip: 0.01 });
    const ends = new TwoEnds(5);
    ends.host.arq.send(0, [random.bytes(50)]);
    ends.run(() => ends.board.frames.length === 1, 10_000);
    line.write(random.bytes(400), 0);
    expect(
      decodeCapture(Uint8Array.from(line.take(10).flatMap((chunk) => [...chunk])), 'serial').length,
    ).toBeGreaterThan(0);
  });
});

test('any bytes at all are decoded without a failure', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = new Random(seed);
    const noise = random.bytes(random.below(3000));
    for (const kind of ['tcp', 'serial'] as const) {
      for (const one of decodeCapture(noise, kind)) expect(decodedText(one)).toBeTypeOf('string');
    }
  }
});
