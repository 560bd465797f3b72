import { expect, test } from 'vitest';
import { maxPayloadBytes, pduKind } from '../../src/uart/pdu.js';
import { Rate } from '../../src/uart/rate.js';
import { rtoBounds } from '../../src/uart/rto.js';
import { Sender } from '../../src/uart/sender.js';

const acknowledgement = (ack: number) => ({
  ...{ kind: pduKind.ack, first: false, last: false, channel: 0 as const, seq: 0, sack: 0, credit: 128 },
  ...{ ack, payload: new Uint8Array(0) },
});

/** A sender with a window's worth of PDUs in flight, all sent at 0. */
function inFlight(): Sender {
  const sender = new Sender(new Rate());
  sender.begin(128);
  sender.queue(1, [new Uint8Array(64 * 1024)]);
  for (let flight = sender.next(0); flight; flight = sender.next(0)) sender.sent(flight, maxPayloadBytes, 0);
  return sender;
}

test('a timeout that came too early repeats one PDU; the answer to its first transmission loses none of the others', () => {
  const sender = inFlight();
  const windowBytes = sender.rate.windowBytes;
  expect(windowBytes).toBeGreaterThanOrEqual(2 * maxPayloadBytes);
  sender.expire(rtoBounds.initialMs);
  const repeated = sender.next(rtoBounds.initialMs)!;
  expect([repeated.seq, repeated.sends]).toEqual([0, 1]);
  sender.sent(repeated, maxPayloadBytes, rtoBounds.initialMs);
  sender.acknowledged(acknowledgement(1), rtoBounds.initialMs + 1);
  const next = sender.next(rtoBounds.initialMs + 1)!;
  expect([next.seq, next.sends]).toEqual([2, 0]);
  expect(sender.rate.windowBytes).toBe(windowBytes);
});

test('a PDU that went out before an acknowledged one is lost at once', () => {
  const sender = inFlight();
  sender.acknowledged({ ...acknowledgement(0), sack: 1 }, 40);
  const next = sender.next(40)!;
  expect([next.seq, next.sends]).toEqual([0, 1]);
});
