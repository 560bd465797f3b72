//! A vector from its parts.

use link::cbor::{Digest, Encoded, to_vec};
use link::frame::{Flags, Frame, FrameType, Head};
use link::message::call::{Call, Handle, HandleKind, Reply};
use link::message::stream::Item;
use minicbor::Encode;

/// Name and frame of one vector.
#[derive(Clone)]
pub struct Case {
    pub name: &'static str,
    pub frame: Frame,
}

pub fn frame(name: &'static str, kind: FrameType, method: u16, call_id: u32, meta: &[u8], body: &[u8]) -> Case {
    let head = Head {
        kind,
        flags: Flags(0),
        method,
        call_id,
    };
    Case {
        name,
        frame: Frame::build(head, meta, body).unwrap(),
    }
}

pub fn call<A: Encode<()>>(
    name: &'static str,
    m: u16,
    id: u32,
    args: A,
    deadline_ms: Option<u64>,
    body: &[u8],
) -> Case {
    frame(
        name,
        FrameType::Call,
        m,
        id,
        &to_vec(&Call {
            args: Encoded(to_vec(&args)),
            deadline_ms,
            inflated_bytes: None,
        }),
        body,
    )
}

pub fn reply<R: Encode<()>>(name: &'static str, m: u16, id: u32, result: R, body: &[u8]) -> Case {
    frame(
        name,
        FrameType::Reply,
        m,
        id,
        &to_vec(&Reply {
            result: Encoded(to_vec(&result)),
            inflated_bytes: None,
        }),
        body,
    )
}

pub fn item<P: Encode<()>>(name: &'static str, m: u16, id: u32, index: u64, payload: P, body: &[u8]) -> Case {
    frame(
        name,
        FrameType::Item,
        m,
        id,
        &to_vec(&Item {
            index,
            payload: Encoded(to_vec(&payload)),
            inflated_bytes: None,
        }),
        body,
    )
}

pub fn digest(first: u8) -> Digest {
    let mut bytes = [0u8; 32];
    for (i, b) in bytes.iter_mut().enumerate() {
        *b = first.wrapping_add(i as u8);
    }
    bytes.into()
}

pub fn handle(slot: u32, generation: u32, kind: HandleKind) -> Handle {
    Handle { slot, generation, kind }
}
