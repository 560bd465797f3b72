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
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Outbox {
    /// An empty outbox of a writer that does not block here: `wake` is called after every change.
    pub fn waking(wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            queues: Mutex::default(),
            changed: Condvar::new(),
            hang_up: Box::new(|| {}),
            wake: Some(wake),
        }
    }

    fn notify(&self) {
        self.changed.notify_all();
        if let Some(wake) = &self.wake {
            wake();
        }
    }

    /// The next frame of a kind, without waiting.
    pub fn take(&self, bulk: bool) -> Option<Frame> {
        let mut queues = self.lock();
        let frame = if bulk {
            queues.bulk.pop_front()
        } else {
            queues.control.pop_front()
        };
        queues.waiting_bytes -= frame.as_ref().map_or(0, |frame| frame.bytes().len());
        frame
    }

    /// True where the reader should take no further call.
    pub fn full(&self) -> bool {
        self.lock().waiting_bytes > FULL_BYTES
    }

    /// True where nothing may be sent any more.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// True where everything is taken and nothing follows.
    pub fn is_finished(&self) -> bool {
        let queues = self.lock();
        queues.closing && queues.control.is_empty() && queues.bulk.is_empty()
    }

    /// An empty outbox; `hang_up` closes the connection under it.
    pub fn new(hang_up: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            queues: Mutex::default(),
            changed: Condvar::new(),
            hang_up,
            wake: None,
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
        self.notify();
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
        self.notify();
    }

    /// Closes now.
    pub fn close(&self) {
        let mut queues = self.lock();
        let first = !std::mem::replace(&mut queues.closed, true);
        drop(queues);
        self.notify();
        if first {
            (self.hang_up)();
        }
    }
}
