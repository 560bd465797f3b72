//! What one connection still has to send: control frames before bulk frames. Knows no session.
//!
//! Surprising: pushing never blocks (a worker must not wait for a slow peer); instead the reader stops taking calls
//! while too much is waiting here. A small frame that finds nothing before it is sent by who pushes it, as far as the
//! connection takes it without waiting: to wake the writer for it would cost more than to send it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use link::Frame;

/// Waiting bytes above which the reader takes no further frame.
const FULL_BYTES: usize = 8 << 20;
/// Largest frame that is sent by who pushes it.
const AT_ONCE_BYTES: usize = 4096;

/// What the writer writes next.
pub enum Outgoing {
    /// A frame.
    Frame(Frame),
    /// The rest of one that was sent in part, as it goes over the wire.
    Rest(Vec<u8>),
}

/// What became of a frame that was to be sent without waiting.
pub enum AtOnce {
    /// All of it is sent.
    Sent,
    /// The rest of it as it goes over the wire, which must be the next thing there.
    Rest(Vec<u8>),
    /// Nothing of it.
    Nothing,
}

/// Sends a frame without waiting. Called by one thread at a time, and never while the writer writes.
pub type SendAtOnce = Box<dyn Fn(&Frame) -> AtOnce + Send + Sync>;

/// Who is at the wire.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Wire {
    #[default]
    Nobody,
    Writer,
    /// One who pushed a frame and sends it.
    Pusher,
}

#[derive(Default)]
struct Queues {
    control: VecDeque<Frame>,
    bulk: VecDeque<Frame>,
    rest: Option<Vec<u8>>,
    waiting_bytes: usize,
    wire: Wire,
    closing: bool,
    closed: bool,
}

impl Queues {
    /// True where a frame would be the next thing on the wire.
    fn idle(&self) -> bool {
        self.wire == Wire::Nobody && self.rest.is_none() && self.control.is_empty() && self.bulk.is_empty()
    }

    fn of(&mut self, bulk: bool) -> &mut VecDeque<Frame> {
        if bulk { &mut self.bulk } else { &mut self.control }
    }

    fn put_first(&mut self, frame: Frame, bulk: bool) {
        self.waiting_bytes += frame.bytes().len();
        self.of(bulk).push_front(frame);
    }

    fn put_last(&mut self, frame: Frame, bulk: bool) {
        self.waiting_bytes += frame.bytes().len();
        self.of(bulk).push_back(frame);
    }

    fn pop(&mut self) -> Option<Outgoing> {
        if let Some(rest) = self.rest.take() {
            self.waiting_bytes -= rest.len();
            return Some(Outgoing::Rest(rest));
        }
        let frame = self.control.pop_front().or_else(|| self.bulk.pop_front())?;
        self.waiting_bytes -= frame.bytes().len();
        Some(Outgoing::Frame(frame))
    }
}

/// Frames on their way to one peer.
pub struct Outbox {
    queues: Mutex<Queues>,
    changed: Condvar,
    hang_up: Box<dyn Fn() + Send + Sync>,
    wake: Option<Box<dyn Fn() + Send + Sync>>,
    at_once: Option<SendAtOnce>,
}

impl Outbox {
    /// An empty outbox of a writer that does not block here: `wake` is called after every change.
    pub fn waking(wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            queues: Mutex::default(),
            changed: Condvar::new(),
            hang_up: Box::new(|| {}),
            wake: Some(wake),
            at_once: None,
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
    pub fn new(hang_up: Box<dyn Fn() + Send + Sync>, at_once: SendAtOnce) -> Self {
        Self {
            queues: Mutex::default(),
            changed: Condvar::new(),
            hang_up,
            wake: None,
            at_once: Some(at_once),
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
        if let Some(at_once) = &self.at_once
            && frame.bytes().len() <= AT_ONCE_BYTES
            && queues.idle()
        {
            queues.wire = Wire::Pusher;
            drop(queues);
            let sent = at_once(&frame);
            queues = self.lock();
            queues.wire = Wire::Nobody;
            match sent {
                AtOnce::Sent => {}
                AtOnce::Rest(rest) => {
                    queues.waiting_bytes += rest.len();
                    queues.rest = Some(rest);
                }
                // Before what was pushed meanwhile.
                AtOnce::Nothing => queues.put_first(frame, bulk),
            }
            if queues.idle() && !queues.closing {
                return;
            }
        } else {
            queues.put_last(frame, bulk);
        }
        drop(queues);
        self.notify();
    }

    /// What to write next, once everything before is written; `None` where the connection is to be closed. For the one thread
    /// that writes: what it was given last counts as written.
    pub fn next(&self) -> Option<Outgoing> {
        let mut queues = self.lock();
        if queues.wire == Wire::Writer {
            queues.wire = Wire::Nobody;
        }
        loop {
            if queues.closed {
                return None;
            }
            if queues.wire == Wire::Nobody {
                if let Some(next) = queues.pop() {
                    queues.wire = Wire::Writer;
                    drop(queues);
                    self.changed.notify_all();
                    return Some(next);
                }
                if queues.closing {
                    return None;
                }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use link::FrameType;
    use link::frame::{Flags, Head};

    use super::*;

    fn frame(call_id: u32, body_bytes: usize) -> Frame {
        let head = Head {
            kind: FrameType::Reply,
            flags: Flags(0),
            method: 1,
            call_id,
        };
        Frame::build(head, &[0xa0], &vec![7; body_bytes]).unwrap()
    }

    /// An outbox whose connection does what is said next, and the call ids that it was asked to send at once.
    fn outbox(mut says: Vec<AtOnce>) -> (Outbox, Arc<Mutex<Vec<u32>>>) {
        let asked: Arc<Mutex<Vec<u32>>> = Arc::default();
        let note = Arc::clone(&asked);
        says.reverse();
        let says = Mutex::new(says);
        let at_once = move |frame: &Frame| {
            note.lock().unwrap().push(frame.view().head.call_id);
            says.lock().unwrap().pop().expect("it was not to be asked again")
        };
        (Outbox::new(Box::new(|| {}), Box::new(at_once)), asked)
    }

    fn next(outbox: &Outbox) -> Result<u32, Vec<u8>> {
        match outbox.next().unwrap() {
            Outgoing::Frame(frame) => Ok(frame.view().head.call_id),
            Outgoing::Rest(rest) => Err(rest),
        }
    }

    #[test]
    fn a_small_frame_that_finds_nothing_before_it_is_sent_by_who_pushes_it() {
        let (outbox, asked) = outbox(vec![AtOnce::Sent, AtOnce::Sent]);
        outbox.push(frame(2, 0), true);
        outbox.push(frame(4, 100), false);
        outbox.finish();
        assert_eq!(*asked.lock().unwrap(), [2, 4]);
        assert!(outbox.next().is_none());
    }

    #[test]
    fn what_the_connection_did_not_take_goes_out_before_what_comes_after_it() {
        let (outbox, asked) = outbox(vec![AtOnce::Rest(vec![1, 2, 3])]);
        outbox.push(frame(2, 0), true);
        // A control frame overtakes bulk, but no frame that is half on the wire.
        outbox.push(frame(4, 0), false);
        outbox.finish();
        assert_eq!([next(&outbox), next(&outbox)], [Err(vec![1, 2, 3]), Ok(4)]);
        assert!(outbox.next().is_none());
        assert_eq!(*asked.lock().unwrap(), [2]);
        let (outbox, _) = self::outbox(vec![AtOnce::Nothing]);
        [2, 4, 6].into_iter().for_each(|id| outbox.push(frame(id, 0), true));
        assert_eq!([0; 3].map(|_| next(&outbox)), [Ok(2), Ok(4), Ok(6)]);
    }

    #[test]
    fn nobody_sends_at_once_while_the_writer_writes_and_long_frames_are_the_writers() {
        let (outbox, asked) = outbox(vec![AtOnce::Sent]);
        outbox.push(frame(2, AT_ONCE_BYTES), true);
        assert_eq!(next(&outbox), Ok(2));
        // The writer has it in hand.
        outbox.push(frame(4, 0), false);
        assert!(asked.lock().unwrap().is_empty());
        assert_eq!(next(&outbox), Ok(4));
        let outbox = Arc::new(outbox);
        let writer = std::thread::spawn({
            let outbox = Arc::clone(&outbox);
            move || outbox.next().is_none()
        });
        // Once the writer has come back for more, the wire is free.
        while outbox.lock().wire == Wire::Writer {
            std::thread::yield_now();
        }
        outbox.push(frame(6, 0), false);
        assert_eq!(*asked.lock().unwrap(), [6]);
        outbox.finish();
        assert!(writer.join().unwrap());
    }
}
