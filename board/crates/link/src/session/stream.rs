//! The sending half of a stream: indices, credit in bytes, and the items kept until the receiver credits them.
//!
//! A stream starts with `INITIAL_STREAM_CREDIT_BYTES`. A CREDIT of n says "n more bytes were used up": it widens the
//! window and lets go of the oldest kept items. An item larger than what is left waits, unless nothing is out.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::frame::Frame;
use crate::limits::INITIAL_STREAM_CREDIT_BYTES;

/// State of one stream.
#[derive(Debug, Default)]
pub struct ItemStream {
    next_index: u64,
    sent_bytes: u64,
    credited_bytes: u64,
    /// (index, bytes sent up to and with this item, frame)
    kept: VecDeque<(u64, u64, Frame)>,
}

impl ItemStream {
    /// True where the next item may be sent.
    pub fn may_send(&self) -> bool {
        self.sent_bytes < self.credited_bytes.saturating_add(INITIAL_STREAM_CREDIT_BYTES)
    }

    /// Index the next item must carry; also the number of items so far.
    pub fn next_index(&self) -> u64 {
        self.next_index
    }

    /// Records an item that is being sent.
    pub fn sent(&mut self, frame: Frame) {
        self.sent_bytes = self.sent_bytes.saturating_add(frame.credit_bytes());
        self.kept.push_back((self.next_index, self.sent_bytes, frame));
        self.next_index += 1;
    }

    /// Takes a CREDIT.
    pub fn credit(&mut self, bytes: u64) {
        self.credited_bytes = self.credited_bytes.saturating_add(bytes);
        while self.kept.front().is_some_and(|(_, end, _)| *end <= self.credited_bytes) {
            self.kept.pop_front();
        }
    }

    /// The receiver goes on with `next_item` and has yet to use up `unused_bytes` of what came before: the rest is credited,
    /// whether its CREDIT arrived or was lost with a link.
    pub fn received(&mut self, next_item: u64, unused_bytes: u64) {
        let before = match self.kept.iter().find(|(index, ..)| *index == next_item) {
            Some((_, end, frame)) => end - frame.credit_bytes(),
            None if next_item == self.next_index => self.sent_bytes,
            // Credited long ago, or never sent.
            None => return,
        };
        let used_bytes = before.saturating_sub(unused_bytes);
        self.credit(used_bytes.saturating_sub(self.credited_bytes));
    }

    /// Items to send again after a resume. `None` where one of them was credited before and is gone.
    pub fn resend_from(&self, next_item: u64) -> Option<Vec<Frame>> {
        let first_kept = self.kept.front().map_or(self.next_index, |(index, ..)| *index);
        if next_item < first_kept || next_item > self.next_index {
            return None;
        }
        Some(
            self.kept
                .iter()
                .filter(|(index, ..)| *index >= next_item)
                .map(|(.., frame)| frame.clone())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Flags, FrameType, Head};

    fn item(bytes: usize) -> Frame {
        let head = Head {
            kind: FrameType::Item,
            flags: Flags(0),
            method: 0x52,
            call_id: 2,
        };
        Frame::build(head, &[0xa0], &alloc::vec![0; bytes - 1]).unwrap()
    }

    #[test]
    fn a_stream_stops_without_credit_and_goes_on_with_it() {
        let mut s = ItemStream::default();
        s.sent(item(200_000));
        assert!(s.may_send());
        s.sent(item(62_144));
        assert!(!s.may_send());
        s.credit(1);
        assert!(s.may_send());
    }

    #[test]
    fn credit_that_was_lost_with_a_link_counts_again_and_none_counts_twice() {
        let mut s = ItemStream::default();
        for _ in 0..3 {
            s.sent(item(100_000));
        }
        assert!(!s.may_send());
        // Two items came, one of them is still to be used up; the third never arrived.
        s.received(2, 100_000);
        assert!(s.may_send());
        s.sent(item(62_144));
        assert!(!s.may_send());
        assert_eq!(s.resend_from(2).map(|f| f.len()), Some(2));
        // Said again, or of what is long gone: nothing changes.
        s.received(2, 100_000);
        s.received(0, 0);
        assert!(!s.may_send());
        s.received(4, 0);
        assert_eq!(s.resend_from(4).map(|f| f.len()), Some(0));
        assert!(s.may_send());
    }

    #[test]
    fn items_are_kept_until_credited_and_sent_again_from_the_index_asked_for() {
        let mut s = ItemStream::default();
        for _ in 0..3 {
            s.sent(item(100));
        }
        assert_eq!(s.resend_from(1).map(|f| f.len()), Some(2));
        s.credit(150);
        assert_eq!(s.resend_from(0), None);
        assert_eq!(s.resend_from(1).map(|f| f.len()), Some(2));
        assert_eq!(s.resend_from(3).map(|f| f.len()), Some(0));
        assert_eq!(s.resend_from(4), None);
    }
}
