//! When the next bytes may go: the line's rate, pauses between bursts, and a PDU in pieces where whole ones fail.
//!
//! Surprising: it hands out only a little ahead of the line, so that a frame that is urgent waits for one PDU at most and not
//! for what a driver has queued.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How far ahead of the line's pace PDUs are handed out: what a late timer may cost without idling, µs.
const LOOKAHEAD_US: u64 = 4_000;
/// Pause that ends a burst where bursts must stay short, µs.
const GAP_US: u64 = 5_000;
/// Pause between the pieces of a PDU that failed again and again, µs; doubles each further time, for lines slower than said.
const CARE_US: u64 = 20_000;
const CARE_MAX_US: u64 = 640_000;
/// Pause between bursts on a line that answers nothing, µs: it may be slower than said, and nothing is urgent there.
const SILENT_GAP_US: u64 = 100_000;
/// Bytes on the wire in one burst where they must stay short.
pub(super) const BURST_BYTES: usize = 256;
/// Bytes of a piece.
const PIECE_BYTES: usize = 240;

/// What the next bytes wait for once others went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// A little ahead of the line.
    Ahead,
    /// A pause: bursts must stay short.
    Gap,
    /// A long pause: the line answers nothing.
    Silent,
}

/// The pace of one end.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_s: Option<u64>,
    /// When the line has carried everything handed out.
    free_us: u64,
    burst_bytes: usize,
    /// The rest of a PDU that goes out in pieces.
    pieces: VecDeque<Vec<u8>>,
    piece_pause_us: u64,
}

impl Pace {
    /// A line that carries so much, where that is known.
    pub fn new(bytes_per_s: Option<u64>) -> Self {
        Self {
            bytes_per_s,
            free_us: 0,
            burst_bytes: 0,
            pieces: VecDeque::new(),
            piece_pause_us: CARE_US,
        }
    }

    /// The pace of a new end on the same line, which may still be carrying bytes.
    pub fn anew(&self) -> Self {
        Self {
            free_us: self.free_us,
            ..Self::new(self.bytes_per_s)
        }
    }

    /// Drops the rest of a PDU. A piece without it spoils the next PDU's beginning: no more than that one's repeat is lost.
    pub fn drop_pieces(&mut self) {
        self.pieces.clear();
    }

    /// When the line has carried everything handed out.
    pub fn free_us(&self) -> u64 {
        self.free_us
    }

    /// When the next PDU may begin.
    pub fn earliest_us(&self, wait: Wait) -> u64 {
        match wait {
            Wait::Silent if self.burst_bytes > 0 => self.free_us.saturating_add(SILENT_GAP_US),
            Wait::Gap if self.burst_bytes > 0 => self.free_us.saturating_add(GAP_US),
            _ => self.free_us.saturating_sub(LOOKAHEAD_US),
        }
    }

    /// When the line would have carried so many bytes more.
    pub fn done_us(&self, bytes: usize, now_us: u64) -> u64 {
        let wire_us = self.bytes_per_s.map_or(0, |rate| bytes as u64 * 1_000_000 / rate);
        self.free_us.max(now_us) + wire_us
    }

    /// So many bytes were handed out.
    pub fn occupy(&mut self, bytes: usize, now_us: u64) {
        self.burst_bytes = bytes;
        self.free_us = self.done_us(bytes, now_us);
    }

    /// True while the rest of a PDU waits.
    pub fn in_pieces(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Leaves of a PDU its first piece and keeps the rest; how much longer it takes than whole, µs.
    pub fn cut(&mut self, bytes: &mut Vec<u8>, failures: u32, now_us: u64) -> u64 {
        let rest = bytes.split_off(PIECE_BYTES);
        self.pieces = rest.chunks(PIECE_BYTES).map(<[u8]>::to_vec).collect();
        self.piece_pause_us = (CARE_US << failures.min(8)).min(CARE_MAX_US);
        self.occupy(PIECE_BYTES, now_us);
        self.free_us += self.piece_pause_us;
        self.pieces.len() as u64 * self.piece_pause_us
    }

    /// The next piece, once the pause before it is over.
    pub fn piece(&mut self, now_us: u64) -> Option<Vec<u8>> {
        if now_us < self.free_us {
            return None;
        }
        let piece = self.pieces.pop_front()?;
        self.occupy(piece.len(), now_us);
        self.free_us += if self.in_pieces() { self.piece_pause_us } else { GAP_US };
        Some(piece)
    }
}
