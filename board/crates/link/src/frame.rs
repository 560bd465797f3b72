//! One frame: 16-byte header, CBOR meta, padding, raw body. The table stands in `board/link/link.cddl`.
//!
//! Knows where things lie; refuses to know what a meta says. Surprising: a frame without a body carries no padding.

use alloc::vec::Vec;
use core::fmt;

use crate::limits::{MAX_META_BYTES, PROTOCOL_CURRENT};

/// Bytes before the meta.
pub const HEADER_BYTES: usize = 16;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameType {
    /// Opens a session, both ways.
    Hello = 1,
    /// Calls a method.
    Call = 2,
    /// Ends a call well.
    Reply = 3,
    /// Ends a call with an error.
    Fail = 4,
    /// One element of a stream.
    Item = 5,
    /// The stream has no more elements; REPLY or FAIL follows.
    End = 6,
    /// News without a call.
    Event = 7,
    /// Asks the board to stop a call.
    Cancel = 8,
    /// Lets a stream send more.
    Credit = 9,
    /// Asks for a sign of life and the board's clock.
    Ping = 10,
    /// Answers a PING.
    Pong = 11,
    /// Ends the session cleanly.
    Bye = 12,
}

impl FrameType {
    /// The type of a code, where it is one.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Hello,
            2 => Self::Call,
            3 => Self::Reply,
            4 => Self::Fail,
            5 => Self::Item,
            6 => Self::End,
            7 => Self::Event,
            8 => Self::Cancel,
            9 => Self::Credit,
            10 => Self::Ping,
            11 => Self::Pong,
            12 => Self::Bye,
            _ => return None,
        })
    }
}

/// The low nibble of byte 0. What is not named here is 0 in version 1; who sends it is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// The body is raw deflate.
    pub const COMPRESSED: Self = Self(2);
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Fewer bytes than the header or its lengths say, or more.
    Length {
        /// Bytes the header asks for (16 where the header itself is short).
        wanted: usize,
        /// Bytes there are.
        found: usize,
    },
    /// Another protocol version in byte 0.
    Version(u8),
    /// No such frame type.
    Type(u8),
    /// Padding length, padding bytes or byte 11 break the rule.
    Padding,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { wanted, found } => write!(f, "a frame of {wanted} bytes is announced, {found} are there"),
            Self::Version(v) => write!(f, "frame version {v}, this side speaks {PROTOCOL_CURRENT}"),
            Self::Type(t) => write!(f, "unknown frame type {t}"),
            Self::Padding => f.write_str("padding or reserved bytes of the frame break the rule"),
        }
    }
}

impl core::error::Error for FrameError {}

/// Header fields a sender chooses; lengths follow from meta and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Frame type.
    pub kind: FrameType,
    /// Flags, low nibble only.
    pub flags: Flags,
    /// Method of a call and of everything that answers it; topic of an event; else 0.
    pub method: u16,
    /// Call id; 0 for events and what concerns the whole session.
    pub call_id: u32,
}

/// A checked frame that borrows its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameView<'a> {
    /// The header's choices.
    pub head: Head,
    /// CBOR.
    pub meta: &'a [u8],
    /// Raw bytes.
    pub body: &'a [u8],
}

/// Zero bytes between meta and body.
pub const fn padding_bytes(meta_bytes: usize, body_bytes: usize) -> usize {
    if body_bytes == 0 {
        0
    } else {
        (8 - (HEADER_BYTES + meta_bytes) % 8) % 8
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(part) = bytes.get(at..at + N) {
        out.copy_from_slice(part);
    }
    out
}

impl<'a> FrameView<'a> {
    /// Checks `bytes`, which must be one whole frame and nothing else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        if bytes.len() < HEADER_BYTES {
            return Err(FrameError::Length {
                wanted: HEADER_BYTES,
                found: bytes.len(),
            });
        }
        if u32::from(bytes[0] >> 4) != PROTOCOL_CURRENT {
            return Err(FrameError::Version(bytes[0] >> 4));
        }
        let kind = FrameType::from_code(bytes[1]).ok_or(FrameError::Type(bytes[1]))?;
        let meta_bytes = usize::from(u16::from_le_bytes(array(bytes, 8)));
        let padding = usize::from(bytes[10]);
        let body_bytes = u32::from_le_bytes(array(bytes, 12)) as usize;
        if padding > 7 || bytes[11] != 0 || (body_bytes > 0 && padding != padding_bytes(meta_bytes, body_bytes)) {
            return Err(FrameError::Padding);
        }
        let body_at = HEADER_BYTES + meta_bytes + padding;
        let wanted = body_at.saturating_add(body_bytes);
        if bytes.len() != wanted {
            return Err(FrameError::Length {
                wanted,
                found: bytes.len(),
            });
        }
        if bytes[HEADER_BYTES + meta_bytes..body_at].iter().any(|&b| b != 0) {
            return Err(FrameError::Padding);
        }
        let head = Head {
            kind,
            flags: Flags(bytes[0] & 0x0f),
            method: u16::from_le_bytes(array(bytes, 2)),
            call_id: u32::from_le_bytes(array(bytes, 4)),
        };
        Ok(Self {
            head,
            meta: &bytes[HEADER_BYTES..HEADER_BYTES + meta_bytes],
            body: &bytes[body_at..],
        })
    }
}

/// A whole, well-formed frame that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    bytes: Vec<u8>,
}

impl Frame {
    /// Builds a frame; `None` where the meta passes 65 535 bytes or the body 4 GiB.
    pub fn build(head: Head, meta: &[u8], body: &[u8]) -> Option<Self> {
        let mut bytes = Self::up_to_body(head, meta, body.len())?;
        bytes.extend_from_slice(body);
        Some(Self { bytes })
    }

    /// Builds a frame whose body is written in place by `fill`, so that it is copied no second time.
    pub fn build_with<E>(
        head: Head,
        meta: &[u8],
        body_bytes: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Option<Self>, E> {
        let Some(mut bytes) = Self::up_to_body(head, meta, body_bytes) else {
            return Ok(None);
        };
        let body_at = bytes.len();
        bytes.resize(body_at + body_bytes, 0);
        fill(&mut bytes[body_at..])?;
        Ok(Some(Self { bytes }))
    }

    /// Everything before the body, with room for it.
    fn up_to_body(head: Head, meta: &[u8], body_bytes: usize) -> Option<Vec<u8>> {
        let meta_bytes = u16::try_from(meta.len())
            .ok()
            .filter(|_| meta.len() <= MAX_META_BYTES)?;
        let body_length = u32::try_from(body_bytes).ok()?;
        let padding = padding_bytes(meta.len(), body_bytes);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + meta.len() + padding + body_bytes);
        bytes.push((PROTOCOL_CURRENT as u8) << 4 | head.flags.0 & 0x0f);
        bytes.push(head.kind as u8);
        bytes.extend_from_slice(&head.method.to_le_bytes());
        bytes.extend_from_slice(&head.call_id.to_le_bytes());
        bytes.extend_from_slice(&meta_bytes.to_le_bytes());
        bytes.push(padding as u8);
        bytes.push(0);
        bytes.extend_from_slice(&body_length.to_le_bytes());
        bytes.extend_from_slice(meta);
        bytes.resize(bytes.len() + padding, 0);
        Some(bytes)
    }

    /// Takes over bytes that are one whole frame.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, FrameError> {
        FrameView::parse(&bytes)?;
        Ok(Self { bytes })
    }

    /// The frame's parts.
    pub fn view(&self) -> FrameView<'_> {
        match FrameView::parse(&self.bytes) {
            Ok(view) => view,
            // Both constructors made sure of it and nothing can change the bytes since.
            Err(_) => unreachable!("a Frame holds a parsed frame"),
        }
    }

    /// All bytes, header first.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Meta plus body: what stream credit counts.
    pub fn credit_bytes(&self) -> u64 {
        let view = self.view();
        (view.meta.len() + view.body.len()) as u64
    }
}
