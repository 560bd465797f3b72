/** What the machine promises beyond delivery: priority, credit, restarts, echoes, silence, hand-made payloads. */
import { describe, expect, test } from 'vitest';
import { decodePdu, encodePdu, pduKind, zeroEpochs } from '../../src/uart/pdu.js';
import { withoutCursorRequests } from './fault-line.js';
import { Random } from './random.js';
import { TwoEnds } from './two-ends.js';

const opened = (seed: number, faults = {}, bytesPerMs?: number) => {
  const ends = new TwoEnds(seed, faults, faults, bytesPerMs);
  ends.run(() => ends.host.opened > 0 && ends.board.opened > 0, 10_000);
  return ends;
};

describe('a line', () => {
  test('lets a control frame wait for at most one PDU of bulk besides the one on the wire', () => {
    const bytesPerMs = 150;
    const ends = opened(1, { bytesPerMs, latencyMs: 1 }, bytesPerMs);
    const from = ends.now;
    for (let count = 0; count < 16; count += 1) ends.host.arq.send(1, [new Random(count).bytes(16_384)]);
    ends.run(() => ends.board.frames.length === 3, 10_000);
    const asked = ends.now;
    ends.host.arq.send(0, [new Uint8Array(20).fill(7)]);
    ends.run(() => ends.board.frames.some(({ channel }) => channel === 0), 10_000);
    const waitedMs = ends.board.frames.find(({ channel }) => channel === 0)!.at - asked;
    expect(from).toBeLessThan(asked);
    // The one on the wire, one more, its own bytes, the way.
    expect(waitedMs).toBeLessThan((2 * 1046 + 40) / bytesPerMs + 2);
  });

  test('stops where the reader has no room, and goes on when it has', () => {
    const ends = opened(2);
    ends.board.arq.setRoom(0);
    ends.run(() => ends.host.arq.wakeAt() === Number.POSITIVE_INFINITY, 10_000);
    ends.host.arq.send(1, [new Random(3).bytes(5000)]);
    expect(() => ends.run(() => ends.board.frames.length > 0, ends.now + 5000)).toThrow('not done');
    expect(ends.host.arq.counts.sentPdus).toBeLessThan(60);
    ends.board.arq.setRoom(128);
    ends.run(() => ends.board.frames.length === 1, ends.now + 5000);
    expect(ends.board.frames[0]!.bytes).toEqual(new Random(3).bytes(5000));
  });

  test.each(['host', 'board'] as const)('notices at once that the %s began anew, and works on', (who) => {
    const ends = opened(4);
    const [fresh, other] = who === 'host' ? [ends.host, ends.board] : [ends.board, ends.host];
    other.arq.send(1, [new Random(5).bytes(3000)]);
    ends.run(() => fresh.frames.length === 1, ends.now + 5000);
    ends.restart(fresh, who);
    if (who === 'board') fresh.arq.greet(ends.now);
    ends.run(() => other.restarted === 1 && fresh.arq.open, ends.now + 10_000);
    other.frames.length = 0;
    fresh.arq.send(0, [Uint8Array.of(1, 2, 3)]);
    other.arq.send(0, [Uint8Array.of(4, 5)]);
    ends.run(() => other.frames.length === 1 && fresh.frames.length === 2, ends.now + 5000);
    expect([...other.frames[0]!.bytes]).toEqual([1, 2, 3]);
  });

  test('is not fooled by a terminal that echoes what it said', () => {
    const ends = new TwoEnds(6);
    const said = ends.host.arq.poll(0)!;
    expect(ends.host.arq.receive(said, 1)).toEqual([]);
    expect(ends.host.arq.poll(1)).toBeNull();
    expect(ends.host.arq.open).toBe(false);
  });

  test('hands text between frames to the console, and drops the report of a cursor', () => {
    const ends = opened(7);
    const text = new TextEncoder().encode('[    1.0] npu: up\r\n\0\u001b[1;1R\0');
    expect(ends.host.arq.receive(text, ends.now)).toEqual([{ type: 'console', text: '[    1.0] npu: up\r\n' }]);
    expect(ends.host.arq.counts.damaged).toBe(0);
  });

  test('sends a payload that defeats every mask in two pieces, and the terminal cuts nothing', () => {
    const ends = opened(8, { eatsCursorRequests: true });
    const hard = Uint8Array.from({ length: 1024 }, (_, at) => [0x1b, 0x5b, 0x36, 0x6e][at % 4]! ^ (at >> 2));
    const pdu = {
      kind: pduKind.data,
      first: true,
      last: true,
      channel: 1,
      seq: 0,
      ack: 0,
      sack: 0,
      credit: 64,
      payload: hard,
    } as const;
    expect(encodePdu(pdu, zeroEpochs, 0)).toBeNull();
    ends.host.arq.send(1, [hard]);
    ends.run(() => ends.board.frames.length === 1 && ends.host.arq.idle, ends.now + 5000);
    expect(ends.board.frames[0]!.bytes).toEqual(hard);
    expect(ends.host.arq.counts).toMatchObject({ sentPdus: 2, repeatedPdus: 0 });
  });

  test('sends a short frame as one PDU, which a terminal leaves alone', () => {
    const ends = opened(9);
    ends.host.arq.send(0, [Uint8Array.of(1)]);
    const wire = ends.host.arq.poll(ends.now)!;
    const { pdu } = decodePdu(wire.subarray(1, -1))!;
    expect(pdu).toMatchObject({ first: true, last: true, channel: 0 });
    expect(withoutCursorRequests(wire)).toEqual(wire);
  });
});
