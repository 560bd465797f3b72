//! Several connections on one line: every frame ends with the number of the lane it belongs to.
//!
//! A host that shares its port among programs offers lanes in its first frame; a board that answers the offer serves each
//! lane as it would serve the line alone, with a session, rights and a cipher of its own. Knows bytes; refuses to know what
//! a frame holds. Surprising: a number is never used again on a line, so that what comes late for a lane that ended is
//! known as such.

use alloc::vec::Vec;

/// Bytes of an offer and of its answer.
pub const OFFER_BYTES: usize = 8;
/// Bytes of a tag, behind each frame.
pub const TAG_BYTES: usize = 4;
/// Lanes a board serves at a time.
pub const MAX_LANES: u32 = 16;

/// "NL", version 1, mode 2. No frame begins like this: its first half byte is the protocol's version.
const MAGIC: [u8; 4] = *b"NL\x01\x02";

/// What a host says first, with 0, and what a board answers, with the number of lanes it serves at a time.
pub fn offer(lanes: u32) -> [u8; OFFER_BYTES] {
    let mut bytes = [0; OFFER_BYTES];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..].copy_from_slice(&lanes.to_le_bytes());
    bytes
}

/// The number in an offer or its answer; `None`: it is neither.
pub fn read_offer(bytes: &[u8]) -> Option<u32> {
    let bytes: &[u8; OFFER_BYTES] = bytes.try_into().ok()?;
    let (magic, lanes) = (&bytes[..4], [bytes[4], bytes[5], bytes[6], bytes[7]]);
    (*magic == MAGIC).then_some(u32::from_le_bytes(lanes))
}

/// Puts a frame on a lane. An empty one ends the lane.
pub fn tag(mut frame: Vec<u8>, lane: u32) -> Vec<u8> {
    frame.extend_from_slice(&lane.to_le_bytes());
    frame
}

/// The lane of a frame, and the frame; `None` where it is too short to have one.
pub fn untag(mut bytes: Vec<u8>) -> Option<(u32, Vec<u8>)> {
    let lane = u32::from_le_bytes(*bytes.last_chunk::<TAG_BYTES>()?);
    bytes.truncate(bytes.len() - TAG_BYTES);
    Some((lane, bytes))
}
