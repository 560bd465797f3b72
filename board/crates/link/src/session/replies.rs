//! Answers of `once` calls, kept so that a repeated CALL is answered and not run again.
//!
//! Surprising: call ids only grow, so an id at or below the highest forgotten one was used before and is refused.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::frame::Frame;
use crate::limits::{STORED_REPLIES, STORED_REPLY_BODY_BYTES};

/// What is known about a call id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Never seen.
    New,
    /// Answered; these frames are to be sent again.
    Answered(Vec<Frame>),
    /// Answered, but the answer was too large or is too old to be kept.
    Forgotten,
}

/// The last answers of a session.
#[derive(Debug, Default)]
pub struct StoredReplies {
    kept: VecDeque<(u32, Option<Vec<Frame>>)>,
    highest_forgotten: u32,
}

impl StoredReplies {
    /// Keeps the frames that ended a call (END and REPLY, or REPLY, or FAIL).
    pub fn store(&mut self, call_id: u32, frames: Vec<Frame>) {
        let small = frames.iter().all(|f| f.view().body.len() <= STORED_REPLY_BODY_BYTES);
        self.kept.push_back((call_id, small.then_some(frames)));
        while self.kept.len() > STORED_REPLIES {
            if let Some((id, _)) = self.kept.pop_front() {
                self.highest_forgotten = self.highest_forgotten.max(id);
            }
        }
    }

    /// Looks a call id up.
    pub fn lookup(&self, call_id: u32) -> Known {
        match self.kept.iter().find(|(id, _)| *id == call_id) {
            Some((_, Some(frames))) => Known::Answered(frames.clone()),
            Some((_, None)) => Known::Forgotten,
            None if call_id <= self.highest_forgotten => Known::Forgotten,
            None => Known::New,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Flags, FrameType, Head};

    fn reply(call_id: u32, body: usize) -> Frame {
        let head = Head {
            kind: FrameType::Reply,
            flags: Flags(0),
            method: 0x10,
            call_id,
        };
        Frame::build(head, &[0xa0], &alloc::vec![0; body]).unwrap()
    }

    #[test]
    fn the_last_sixty_four_answers_are_kept_and_older_ids_are_refused() {
        let mut replies = StoredReplies::default();
        for call in 1..=65u32 {
            replies.store(call * 2, alloc::vec![reply(call * 2, 0)]);
        }
        assert_eq!(replies.lookup(2), Known::Forgotten);
        assert_eq!(replies.lookup(4), Known::Answered(alloc::vec![reply(4, 0)]));
        assert_eq!(replies.lookup(132), Known::New);
    }

    #[test]
    fn a_body_above_sixteen_kib_is_not_kept_but_its_call_is_not_run_again() {
        let mut replies = StoredReplies::default();
        replies.store(2, alloc::vec![reply(2, 16 * 1024 + 1)]);
        replies.store(4, alloc::vec![reply(4, 16 * 1024)]);
        assert_eq!(replies.lookup(2), Known::Forgotten);
        assert!(matches!(replies.lookup(4), Known::Answered(_)));
    }
}
