/** The bytes of the serial line, shared with the other codec. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { laneOffer, laneTag, readLane, readLaneOffer } from '../../src/uart/lanes.js';
import { decodePdu, type Epochs, encodePdu, type Pdu } from '../../src/uart/pdu.js';
import { Splitter } from '../../src/uart/splitter.js';

interface PduVector {
  name: string;
  epochs: Epochs;
  fromMask: number;
  notMask: number | null;
  mask: number | null;
  pdu: Omit<Pdu, 'payload'> & { payloadHex: string };
  wireHex: string | null;
}
interface SegmentsVector {
  name: string;
  epochs: Epochs;
  hex: string;
  told: ('damaged' | { seq?: number; text?: string })[];
}
const { pdus, segments } = JSON.parse(
  readFileSync(new URL('../../../link/vectors/uart.json', import.meta.url), 'utf8'),
) as { pdus: PduVector[]; segments: SegmentsVector[] };
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

describe.each(pdus)('PDU: $name', ({ epochs, fromMask, notMask, mask, pdu: { payloadHex, ...head }, wireHex }) => {
  const pdu: Pdu = { ...head, payload: bytes(payloadHex) };

  test('is encoded to these bytes', () => {
    const wire = encodePdu(pdu, epochs, fromMask, notMask);
    expect(wire && [wire.mask, Buffer.from(wire.bytes).toString('hex')]).toEqual(
      wireHex === null ? null : [mask, wireHex],
    );
  });

  test.runIf(wireHex !== null)('is decoded from them, under these epochs alone', () => {
    const found = decodePdu(bytes(wireHex!).subarray(1, -1))!;
    expect(found.mask).toBe(mask);
    expect({ ...found.pdu, payload: Buffer.from(found.pdu.payload).toString('hex') }).toEqual({
      ...head,
      payload: payloadHex,
    });
    expect(found.valid(epochs)).toBe(true);
    expect(found.valid({ sender: epochs.sender + 1, receiver: epochs.receiver })).toBe(false);
  });
});

test.each(segments)('a line with $name is told apart, byte by byte too', ({ epochs, hex, told }) => {
  for (const step of [1, 1 << 20]) {
    const seen: SegmentsVector['told'] = [];
    const splitter = new Splitter({
      segment: (segment) => {
        const found = decodePdu(segment);
        if (!found?.valid(epochs)) return false;
        seen.push({ seq: found.pdu.seq });
        return true;
      },
      console: (text) => seen.push({ text }),
      damaged: () => seen.push('damaged'),
    });
    const all = bytes(hex);
    for (let at = 0; at < all.byteLength; at += step) splitter.push(all.subarray(at, at + step));
    expect(seen).toEqual(told);
  }
});

describe('lanes', () => {
  const { offerHex, answerHex, lanes, frames, noOffers } = JSON.parse(
    readFileSync(new URL('../../../link/vectors/lanes.json', import.meta.url), 'utf8'),
  ) as {
    offerHex: string;
    answerHex: string;
    lanes: number;
    frames: { name: string; lane: number; frameHex: string; wireHex: string }[];
    noOffers: string[];
  };
  const hex = (...pieces: Uint8Array[]) => Buffer.concat(pieces).toString('hex');

  test('are offered in these bytes and no others', () => {
    expect(hex(laneOffer(0))).toBe(offerHex);
    expect([readLaneOffer(bytes(offerHex)), readLaneOffer(bytes(answerHex))]).toEqual([0, lanes]);
    expect(noOffers.map((other) => readLaneOffer(bytes(other)))).toEqual(noOffers.map(() => null));
  });

  test.each(frames)('$name: the number stands behind the frame', ({ lane, frameHex, wireHex }) => {
    expect(hex(bytes(frameHex), laneTag(lane))).toBe(wireHex);
    const found = readLane(bytes(wireHex))!;
    expect([found.lane, hex(found.frame)]).toEqual([lane, frameHex]);
  });

  test('are missing where a frame is shorter than a number', () => {
    expect(readLane(Uint8Array.of(1, 2, 3))).toBeNull();
  });
});
