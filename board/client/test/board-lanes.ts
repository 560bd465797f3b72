/** The board's side of lanes, for a fake board: takes the offer, makes a line of each lane. Written from link.cddl, not from the bridge. */
import type { FrameLine } from '../src/uart/frame-line.js';
import { Inbox } from '../src/uart/inbox.js';
import type { Line } from '../src/uart/line.js';

const answer = Uint8Array.of(0x4e, 0x4c, 1, 2, 16, 0, 0, 0);

/** Serves the lanes of a line; `onLane` gets each as it begins. Tells by the return value which are open. */
export function boardLanes(line: Line, onLane: (lane: FrameLine) => void): { open: Set<number> } {
  const lanes = new Map<number, Inbox>();
  const open = new Set<number>();
  let offered = false;
  let newest = 0;
  const number = (bytes: Uint8Array) => Buffer.from(bytes).readUInt32LE(bytes.byteLength - 4);
  const make = (lane: number): Inbox => {
    const tag = new Uint8Array(4);
    new DataView(tag.buffer).setUint32(0, lane, true);
    const inbox = new Inbox();
    lanes.set(lane, inbox);
    open.add(lane);
    const end = () => {
      open.delete(lane);
      line.send(0, [tag]);
    };
    onLane({
      send: (channel, pieces) => line.send(channel, [...pieces, tag]),
      listen: (events) => inbox.listen(events),
      nextFrame: (signal) => inbox.next(signal),
      end,
      destroy: end,
    });
    return inbox;
  };
  line.listen({
    onFrame: (channel, bytes) => {
      if (!offered) {
        offered = true;
        line.send(0, [answer]);
        return;
      }
      const lane = number(bytes);
      // A number that does not grow is of a lane that has ended.
      if (!lanes.has(lane) && lane <= newest) return;
      newest = Math.max(newest, lane);
      const inbox = lanes.get(lane) ?? make(lane);
      if (bytes.byteLength > 4) {
        inbox.onFrame(channel, bytes.subarray(0, -4));
        return;
      }
      open.delete(lane);
      inbox.onDown('the host ended the lane');
    },
    onConsole: () => undefined,
    onDown: (reason) => {
      for (const inbox of lanes.values()) inbox.onDown(reason);
    },
  });
  return { open };
}
