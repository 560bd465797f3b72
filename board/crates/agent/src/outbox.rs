//! What one connection still has to send: control frames before bulk frames. Knows no session.
//!
//! Surprising: pushing never blocks (a worker must not wait for a slow peer); instead the reader stops taking calls
//! while too much is waiting here.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use link::Frame;

/// Waiting bytes above which the reader takes no further frame.
const FULL_BYTES: usize = 8 << 20;

#[derive(Default)]
struct Queues {
    control: VecDeque<Frame>,
    bulk: VecDeque<Frame>,
    waiting_bytes: usize,
    closing: bool,
    closed: bool,
}

/// Frames on their way to one peer.
pub struct Outbox {
    queues: Mutex<Queues>,
    changed: Condvar,
    hang_up: Box<dyn Fn() + Send + Sync>,
}

impl Outbox {
    /// An empty outbox; `hang_up` closes the connection under it.
    pub fn new(hang_up: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            queues: Mutex::default(),
            changed: Condvar::new(),
            hang_up,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a frame, bulk ones behind all control ones. Dropped where the connection is closing.
    pub fn push(&self, frame: Frame, bulk: bool) {
        let mut queues = self.lock();
        if queues.closing || queues.closed {
            return;
        }
        queues.waiting_bytes += frame.bytes().len();
        if bulk {
            queues.bulk.push_back(frame)
        } else {
            queues.control.push_back(frame)
        }
        drop(queues);
        self.changed.notify_all();
    }

    /// The next frame to write; `None` where the connection is to be closed.
    pub fn next(&self) -> Option<Frame> {
        let mut queues = self.lock();
        loop {
            if queues.closed {
                return None;
            }
            let frame = queues.control.pop_front().or_else(|| queues.bulk.pop_front());
            if let Some(frame) = frame {
                queues.waiting_bytes -= frame.bytes().len();
                drop(queues);
                self.changed.notify_all();
                return Some(frame);
            }
            if queues.closing {
                return None;
            }
            queues = self.changed.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the peer has taken enough; false where the connection is closed.
    pub fn wait_for_room(&self) -> bool {
        let mut queues = self.lock();
        while queues.waiting_bytes > FULL_BYTES && !queues.closed {
            queues = self.changed.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
        !queues.closed
    }

    /// Writes what waits, then closes.
    pub fn finish(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// Closes now.
    pub fn close(&self) {
        let mut queues = self.lock();
        let first = !std::mem::replace(&mut queues.closed, true);
        drop(queues);
        self.changed.notify_all();
        if first {
            (self.hang_up)();
        }
    }
}
