/**
 * Several connections on one line (link.cddl, "Lanes"): every frame ends with the number of its lane. Knows bytes; refuses to
 * know what a frame holds.
 */

/** "NL", version 1, mode 2. */
const magic = [0x4e, 0x4c, 1, 2];
const offerBytes = 8;
const tagBytes = 4;

/** What a host says first, with 0, and what a board answers, with the number of lanes it serves at a time. */
export function laneOffer(lanes: number): Uint8Array {
  const bytes = new Uint8Array(offerBytes);
  bytes.set(magic);
  new DataView(bytes.buffer).setUint32(magic.length, lanes, true);
  return bytes;
}

/** The number in an offer or its answer; null where it is neither. */
export function readLaneOffer(bytes: Uint8Array): number | null {
  if (bytes.byteLength !== offerBytes || !magic.every((byte, at) => bytes[at] === byte)) return null;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(magic.length, true);
}

/** What is sent behind a frame; alone it ends the lane. */
export function laneTag(lane: number): Uint8Array {
  const tag = new Uint8Array(tagBytes);
  new DataView(tag.buffer).setUint32(0, lane, true);
  return tag;
}

/** Lane and frame, a view; an empty frame ends the lane. Null where it is too short to have one. */
export function readLane(bytes: Uint8Array): { lane: number; frame: Uint8Array } | null {
  const at = bytes.byteLength - tagBytes;
  if (at < 0) return null;
  return { lane: new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0, true), frame: bytes.subarray(0, at) };
}
