//! Bodies in raw deflate (RFC 1951), where that helps. The size before is in the meta and is capped before anything else.
//!
//! Knows where `{…, inflatedBytes}` stands in the metas of CALL, REPLY and ITEM; no other frame is compressed in version 1.

use alloc::vec::Vec;
use core::fmt;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::cbor::from_slice;
use crate::frame::{Flags, Frame, FrameType};
use crate::message::call::{CallView, ReplySize};
use crate::message::stream::ItemSize;

/// Bodies below this are sent as they are.
pub const SMALLEST_BYTES: usize = 256;
/// What is tried first; a body whose beginning does not shrink is sent as it is.
const PROBE_BYTES: usize = 64 * 1024;
/// zlib's level.
const LEVEL: u8 = 6;

/// Why a compressed frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// A frame of this type is never compressed, or has no inflated size.
    NotCompressed,
    /// The size passes the largest body.
    TooLarge(u64),
    /// The bytes are no deflate, or not of the size announced.
    Corrupt,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCompressed => f.write_str("a frame that is never compressed, or without its inflated size"),
            Self::TooLarge(bytes) => write!(f, "{bytes} inflated bytes pass the largest body"),
            Self::Corrupt => f.write_str("no deflate, or not of the size announced"),
        }
    }
}

impl core::error::Error for InflateError {}

fn shrinks(bytes: usize, to: usize) -> bool {
    to * 10 < bytes * 9
}

/// The frame with its body compressed; `None` where that is not allowed or does not shrink it by a tenth.
pub fn deflate(frame: &Frame) -> Option<Frame> {
    let view = frame.view();
    let key = match view.head.kind {
        FrameType::Call => 2,
        FrameType::Reply => 1,
        FrameType::Item => 2,
        _ => return None,
    };
    if view.body.len() < SMALLEST_BYTES || view.head.flags.0 & Flags::COMPRESSED.0 != 0 {
        return None;
    }
    let (probe, rest) = view.body.split_at(view.body.len().min(PROBE_BYTES));
    let tried = compress_to_vec(probe, LEVEL);
    if !shrinks(probe.len(), tried.len()) {
        return None;
    }
    let body = if rest.is_empty() {
        tried
    } else {
        compress_to_vec(view.body, LEVEL)
    };
    if !shrinks(view.body.len(), body.len()) {
        return None;
    }
    let (&pairs, others) = view.meta.split_first()?;
    // A map of fewer than 23 pairs, as these metas are; the new key is the largest.
    if !(0xa0..0xb7).contains(&pairs) {
        return None;
    }
    let mut meta = Vec::with_capacity(view.meta.len() + 10);
    meta.push(pairs + 1);
    meta.extend_from_slice(others);
    meta.push(key);
    meta.extend_from_slice(&crate::cbor::to_vec(&(view.body.len() as u64)));
    let mut head = view.head;
    head.flags.0 |= Flags::COMPRESSED.0;
    Frame::build(head, &meta, &body)
}

/// A frame as its receiver wants it: one that has the flag is inflated, its meta stays as it is.
pub fn inflate(frame: Frame, max_body_bytes: usize) -> Result<Frame, InflateError> {
    let view = frame.view();
    if view.head.flags.0 & Flags::COMPRESSED.0 == 0 {
        return Ok(frame);
    }
    let announced = match view.head.kind {
        FrameType::Call => CallView::parse(view.meta).ok().and_then(|call| call.inflated_bytes),
        FrameType::Reply => from_slice::<ReplySize>(view.meta)
            .ok()
            .and_then(|reply| reply.inflated_bytes),
        FrameType::Item => from_slice::<ItemSize>(view.meta)
            .ok()
            .and_then(|item| item.inflated_bytes),
        _ => None,
    };
    let announced = announced.ok_or(InflateError::NotCompressed)?;
    let size = usize::try_from(announced).ok().filter(|&size| size <= max_body_bytes);
    let size = size.ok_or(InflateError::TooLarge(announced))?;
    let body = decompress_to_vec_with_limit(view.body, size).map_err(|_| InflateError::Corrupt)?;
    if body.len() != size {
        return Err(InflateError::Corrupt);
    }
    let mut head = view.head;
    head.flags.0 &= !Flags::COMPRESSED.0;
    Frame::build(head, view.meta, &body).ok_or(InflateError::Corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor::{Nothing, to_vec};
    use crate::frame::Head;
    use crate::message::call::{Call, Reply};
    use crate::message::stream::Item;

    fn call(body: &[u8]) -> Frame {
        let head = Head {
            kind: FrameType::Call,
            flags: Flags(0),
            method: 0x12,
            call_id: 2,
        };
        let meta = to_vec(&Call {
            args: Nothing {},
            deadline_ms: Some(5),
            inflated_bytes: None,
        });
        Frame::build(head, &meta, body).unwrap()
    }

    #[test]
    fn what_is_deflated_inflates_to_the_same_body_and_arguments() {
        let frame = call(&[7; 100_000]);
        let small = deflate(&frame).unwrap();
        assert!(small.bytes().len() < 1000);
        let expected = to_vec(&Call {
            args: Nothing {},
            deadline_ms: Some(5),
            inflated_bytes: Some(100_000),
        });
        assert_eq!(small.view().meta, expected);
        let back = inflate(small.clone(), 100_000).unwrap();
        assert_eq!(
            (back.view().body, back.view().head),
            (frame.view().body, frame.view().head)
        );
        assert_eq!(inflate(small, 99_999), Err(InflateError::TooLarge(100_000)));
    }

    #[test]
    fn a_reply_says_its_size_under_the_next_key() {
        let head = Head {
            kind: FrameType::Reply,
            flags: Flags(0),
            method: 0x13,
            call_id: 2,
        };
        let meta = to_vec(&Reply {
            result: Nothing {},
            inflated_bytes: None,
        });
        let small = deflate(&Frame::build(head, &meta, &[0; 1000]).unwrap()).unwrap();
        assert_eq!(
            small.view().meta,
            to_vec(&Reply {
                result: Nothing {},
                inflated_bytes: Some(1000)
            })
        );
        assert_eq!(inflate(small, 1000).unwrap().view().body, [0; 1000]);
    }

    #[test]
    fn an_item_says_its_size_behind_its_payload() {
        let item = |inflated_bytes| {
            to_vec(&Item {
                index: 3,
                payload: Nothing {},
                inflated_bytes,
            })
        };
        let head = Head {
            kind: FrameType::Item,
            flags: Flags(0),
            method: 0x52,
            call_id: 2,
        };
        let small = deflate(&Frame::build(head, &item(None), &[0; 1000]).unwrap()).unwrap();
        assert_eq!(small.view().meta, item(Some(1000)));
        assert_eq!(inflate(small, 1000).unwrap().view().body, [0; 1000]);
    }

    #[test]
    fn noise_and_small_bodies_are_sent_as_they_are() {
        let mut state = 1u32;
        let noise: Vec<u8> = (0..10_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        assert_eq!(deflate(&call(&noise)), None);
        assert_eq!(deflate(&call(&[0; SMALLEST_BYTES - 1])), None);
    }

    #[test]
    fn a_lie_about_the_size_is_corrupt_and_nothing_grows_beyond_it() {
        let small = deflate(&call(&[7; 5_000])).unwrap();
        for announced in [4_999u64, 5_001] {
            let meta = to_vec(&Call {
                args: Nothing {},
                deadline_ms: Some(5),
                inflated_bytes: Some(announced),
            });
            let lie = Frame::build(small.view().head, &meta, small.view().body).unwrap();
            assert_eq!(inflate(lie, 1 << 20), Err(InflateError::Corrupt));
        }
        let meta = to_vec(&Call {
            args: Nothing {},
            deadline_ms: None,
            inflated_bytes: None,
        });
        let none = Frame::build(small.view().head, &meta, small.view().body).unwrap();
        assert_eq!(inflate(none, 1 << 20), Err(InflateError::NotCompressed));
    }
}
