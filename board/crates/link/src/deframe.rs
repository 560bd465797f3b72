//! TCP's part of the link: a u32 little-endian length, which does not count itself, before every frame.
//!
//! Pure: bytes in, frames or one error out. After an error the stream has no known frame border left, so the only
//! thing to do is to close the connection. A length is compared with the cap before a byte is reserved for it.

use alloc::vec::Vec;
use core::fmt;

use crate::frame::{Frame, FrameError, HEADER_BYTES};

/// Most bytes reserved ahead of what has really arrived.
const RESERVE_STEP_BYTES: usize = 64 * 1024;

/// Why the byte stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeframeError {
    /// A length below the header's size or above the agreed maximum.
    Length {
        /// What the prefix says.
        announced: u32,
        /// What is allowed.
        max_frame_bytes: usize,
    },
    /// A whole frame arrived and is malformed.
    Frame(FrameError),
}

impl fmt::Display for DeframeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length {
                announced,
                max_frame_bytes,
            } => {
                write!(
                    f,
                    "frame length {announced} is outside {HEADER_BYTES}..={max_frame_bytes}"
                )
            }
            Self::Frame(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DeframeError {}

/// Cuts a byte stream into frames.
#[derive(Debug)]
pub struct Deframer {
    max_frame_bytes: usize,
    prefix: [u8; 4],
    prefix_filled: usize,
    wanted: usize,
    buffer: Vec<u8>,
}

impl Deframer {
    /// A deframer at a frame border.
    pub fn new(max_frame_bytes: usize) -> Self {
        Self {
            max_frame_bytes,
            prefix: [0; 4],
            prefix_filled: 0,
            wanted: 0,
            buffer: Vec::new(),
        }
    }

    /// Takes bytes from the front of `input` until a frame is whole or the input is used up.
    pub fn feed(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, DeframeError> {
        while self.prefix_filled < 4 {
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(None);
            };
            self.prefix[self.prefix_filled] = byte;
            self.prefix_filled += 1;
            *input = rest;
            if self.prefix_filled == 4 {
                let announced = u32::from_le_bytes(self.prefix);
                if (announced as usize) < HEADER_BYTES || announced as usize > self.max_frame_bytes {
                    return Err(DeframeError::Length {
                        announced,
                        max_frame_bytes: self.max_frame_bytes,
                    });
                }
                self.wanted = announced as usize;
            }
        }
        let missing = self.wanted.saturating_sub(self.buffer.len());
        let (take, rest) = input.split_at(missing.min(input.len()));
        self.reserve(take.len());
        self.buffer.extend_from_slice(take);
        *input = rest;
        if self.buffer.len() < self.wanted {
            return Ok(None);
        }
        self.prefix_filled = 0;
        Frame::from_bytes(core::mem::take(&mut self.buffer))
            .map(Some)
            .map_err(DeframeError::Frame)
    }

    fn reserve(&mut self, least: usize) {
        if self.buffer.capacity() - self.buffer.len() < least {
            let doubled = self.buffer.len().max(RESERVE_STEP_BYTES).max(least);
            let missing = self.wanted.saturating_sub(self.buffer.len());
            self.buffer.reserve_exact(missing.min(doubled));
        }
    }

    /// The frame under way, with room for some of what it lacks: a reader may append to it straight from the wire, as far
    /// as its capacity goes, and then calls `feed` with nothing. `None` where fewer than `least` bytes are missing.
    pub fn underway(&mut self, least: usize) -> Option<&mut Vec<u8>> {
        let missing = self.wanted.saturating_sub(self.buffer.len());
        if self.prefix_filled < 4 || missing < least.max(1) {
            return None;
        }
        self.reserve(1);
        // An allocator that gives more than asked for would let the reader run into the next frame.
        (self.buffer.capacity() - self.buffer.len() <= missing).then_some(&mut self.buffer)
    }

    /// Bytes reserved for the frame under way.
    pub fn reserved_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// True where no frame is half there.
    pub fn at_border(&self) -> bool {
        self.prefix_filled == 0
    }
}
