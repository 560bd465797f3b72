//! The receiving half: order, duplicates, putting frames together, what to acknowledge.
//!
//! Knows sequence numbers; refuses to know epochs, sums and time. Memory is bounded by the 32 PDUs of the bitmap and one
//! frame per channel.

use alloc::vec::Vec;
use core::fmt;

use super::lanes::TAG_BYTES;
use super::pdu::{Channel, Pdu, units};
use super::rate::MAX_WINDOW_PDUS;

/// Largest frame on a serial line: header, meta, padding and a body of 16 KiB.
pub const MAX_LINE_FRAME_BYTES: usize = 16 + 65_535 + 7 + 16 * 1024;

/// A peer that breaks the rules although its sums are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineError {
    /// A first part within another frame, or a further part of none.
    Parts,
    /// A frame above [`MAX_LINE_FRAME_BYTES`].
    TooLarge,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parts => f.write_str("the parts of a frame do not fit together"),
            Self::TooLarge => write!(f, "a frame passes {MAX_LINE_FRAME_BYTES} bytes"),
        }
    }
}

impl core::error::Error for LineError {}

/// One direction's receiver.
#[derive(Debug)]
pub struct Receiver {
    next: u16,
    /// By distance from `next`, less one.
    early: [Option<Pdu>; MAX_WINDOW_PDUS],
    parts: [Option<Vec<u8>>; 2],
    room_units: u8,
}

impl Receiver {
    /// A receiver that takes `room_units` of 256 payload bytes beyond what is in order.
    pub fn new(room_units: u8) -> Self {
        Self {
            next: 0,
            early: Default::default(),
            parts: [None, None],
            room_units,
        }
    }

    /// The next sequence number that is due.
    pub fn ack(&self) -> u16 {
        self.next
    }

    /// Bit i: ack + 1 + i is there.
    pub fn sack(&self) -> u32 {
        self.early
            .iter()
            .enumerate()
            .fold(0, |bits, (i, pdu)| bits | u32::from(pdu.is_some()) << i)
    }

    /// Units it takes beyond `ack`.
    pub fn credit(&self) -> u8 {
        self.room_units
    }

    /// Changes what it takes; 0 stops the peer.
    pub fn set_room(&mut self, units: u8) {
        self.room_units = units;
    }

    /// Takes a data PDU whose sum was right; whole frames go to `frames`.
    pub fn take(&mut self, pdu: Pdu, frames: &mut Vec<(Channel, Vec<u8>)>) -> Result<(), LineError> {
        let ahead = usize::from(pdu.seq.wrapping_sub(self.next));
        let early: u32 = self
            .early
            .iter()
            .flatten()
            .map(|early| units(early.payload.len()))
            .sum();
        // What is due goes on at once; only what is early takes room. A probe finds out that there is none.
        let held = if ahead == 0 { 0 } else { early };
        if held + units(pdu.payload.len()) > u32::from(self.room_units) {
            return Ok(());
        }
        if ahead > 0 {
            if let Some(slot) = self.early.get_mut(ahead - 1) {
                slot.get_or_insert(pdu);
            }
            return Ok(());
        }
        let mut due = Some(pdu);
        while let Some(pdu) = due {
            self.next = self.next.wrapping_add(1);
            due = self.early[0].take();
            self.early.rotate_left(1);
            self.append(pdu, frames)?;
        }
        Ok(())
    }

    fn append(&mut self, pdu: Pdu, frames: &mut Vec<(Channel, Vec<u8>)>) -> Result<(), LineError> {
        let parts = &mut self.parts[pdu.channel as usize];
        if pdu.first != parts.is_none() {
            return Err(LineError::Parts);
        }
        let frame = parts.get_or_insert_default();
        if frame.len() + pdu.payload.len() > MAX_LINE_FRAME_BYTES + TAG_BYTES {
            return Err(LineError::TooLarge);
        }
        frame.extend_from_slice(&pdu.payload);
        if pdu.last
            && let Some(frame) = parts.take()
        {
            frames.push((pdu.channel, frame));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pdu::Kind;
    use super::*;

    fn part(seq: u16, first: bool, last: bool, channel: Channel, payload: &[u8]) -> Pdu {
        Pdu {
            kind: Kind::Data,
            first,
            last,
            channel,
            seq,
            ack: 0,
            sack: 0,
            credit: 0,
            payload: payload.to_vec(),
        }
    }

    #[test]
    fn parts_out_of_order_and_twice_make_each_frame_once() {
        let mut receiver = Receiver::new(64);
        let mut frames = Vec::new();
        let parts = [
            part(0, true, false, Channel::Bulk, b"ab"),
            part(1, true, true, Channel::Control, b"urgent"),
            part(2, false, true, Channel::Bulk, b"cd"),
        ];
        for index in [2, 2, 1] {
            receiver.take(parts[index].clone(), &mut frames).unwrap();
        }
        assert_eq!((receiver.ack(), receiver.sack(), frames.len()), (0, 0b11, 0));
        receiver.take(parts[0].clone(), &mut frames).unwrap();
        receiver.take(parts[0].clone(), &mut frames).unwrap();
        assert_eq!((receiver.ack(), receiver.sack()), (3, 0));
        assert_eq!(
            frames,
            [
                (Channel::Control, b"urgent".to_vec()),
                (Channel::Bulk, b"abcd".to_vec())
            ]
        );
    }

    #[test]
    fn without_room_nothing_is_taken_and_beyond_the_bitmap_nothing_is_kept() {
        let mut receiver = Receiver::new(0);
        let mut frames = Vec::new();
        receiver
            .take(part(0, true, true, Channel::Control, b"x"), &mut frames)
            .unwrap();
        assert_eq!((receiver.ack(), receiver.credit(), frames.len()), (0, 0, 0));
        receiver.set_room(2);
        receiver
            .take(part(33, true, true, Channel::Control, b"x"), &mut frames)
            .unwrap();
        receiver
            .take(part(65_535, true, true, Channel::Control, b"x"), &mut frames)
            .unwrap();
        assert_eq!(receiver.sack(), 0);
        receiver
            .take(part(1, true, true, Channel::Control, &[0; 300]), &mut frames)
            .unwrap();
        assert_eq!(receiver.sack(), 1);
        receiver
            .take(part(2, true, true, Channel::Control, b"x"), &mut frames)
            .unwrap();
        assert_eq!(receiver.sack(), 1, "the early PDU holds both units");
    }

    #[test]
    fn parts_that_do_not_fit_and_frames_that_are_too_large_break_the_line() {
        let mut frames = Vec::new();
        let orphan = part(0, false, true, Channel::Control, b"x");
        assert_eq!(Receiver::new(64).take(orphan, &mut frames), Err(LineError::Parts));
        let mut receiver = Receiver::new(64);
        let mut seq = 0;
        let error = loop {
            if let Err(error) = receiver.take(part(seq, seq == 0, false, Channel::Bulk, &[0; 1024]), &mut frames) {
                break error;
            }
            seq += 1;
        };
        assert_eq!(
            (error, usize::from(seq)),
            (LineError::TooLarge, MAX_LINE_FRAME_BYTES / 1024)
        );
    }
}
