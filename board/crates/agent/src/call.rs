//! One call on its way: it is answered exactly once, by whoever is first (worker, deadline, cancel, end of session).
//!
//! Knows its stream and where its answers go; not the session behind that, nor what the method does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use link::cbor::{Encoded, to_vec};
use link::frame::{Flags, Head};
use link::limits::MAX_BODY_BYTES;
use link::message::call::Reply;
use link::message::hello::StreamPosition;
use link::message::stream::{End, Item};
use link::session::stream::ItemStream;
use link::{ErrorCode, Frame, FrameType, Method};
use minicbor::Encode;

use crate::failure::Failure;

/// Bytes of a frame kept for what is not body.
const ANSWER_META_BYTES: usize = 4096;

/// Where a call's answers go: the session it came from.
pub trait Answers: Send + Sync {
    /// Largest frame the connection takes.
    fn max_frame_bytes(&self) -> usize;
    /// Sends a frame if there is a connection.
    fn send(&self, frame: Frame, bulk: bool);
    /// Sends the frames that end a call, and keeps them where its class asks for it.
    fn end_call(&self, call: &Call, frames: Vec<Frame>);
}

/// A stream's sending half.
#[derive(Default)]
pub struct Stream {
    items: ItemStream,
    last: Vec<Frame>,
}

impl Stream {
    /// What a resumed stream still has to send, its end included if it has one. An index that was credited already is no
    /// longer kept: the stream goes on with what there is, and the receiver sees the gap by the indices.
    pub fn resume(&mut self, position: StreamPosition) -> Vec<Frame> {
        let mut frames = self.items.resend_from(position.next_item).unwrap_or_default();
        frames.extend(self.last.iter().cloned());
        if let Some(unused_bytes) = position.unused_bytes {
            self.items.received(position.next_item, unused_bytes);
        }
        frames
    }
}

/// A call.
pub struct Call {
    /// Number of the session whose it is.
    pub session: u64,
    answers: Arc<dyn Answers>,
    /// Id on the wire.
    pub id: u32,
    /// What it calls.
    pub method: Method,
    /// When it is late, on the agent's clock.
    pub deadline_ns: Option<u64>,
    cancelled: AtomicBool,
    started: AtomicBool,
    answered: AtomicBool,
    stream: Mutex<Stream>,
}

impl Call {
    /// A call that nobody works on yet.
    pub fn new(session: u64, answers: Arc<dyn Answers>, id: u32, method: Method, deadline_ns: Option<u64>) -> Self {
        Self {
            session,
            answers,
            id,
            method,
            deadline_ns,
            cancelled: AtomicBool::new(false),
            started: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            stream: Mutex::default(),
        }
    }

    /// Locks the stream. Locked before the session where both are.
    pub(crate) fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head(&self, kind: FrameType) -> Head {
        Head {
            kind,
            flags: Flags(0),
            method: self.method as u16,
            call_id: self.id,
        }
    }

    /// True once somebody answered.
    pub fn answered(&self) -> bool {
        self.answered.load(Ordering::SeqCst)
    }

    /// True where working on has no use.
    pub fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst) || self.answered()
    }

    /// Says that work begins; false where the call is over already.
    pub fn start(&self) -> bool {
        // Work that comes back (the next token) tells of a cancel itself: it knows how far it got.
        if !self.started.swap(true, Ordering::SeqCst) && self.cancelled() {
            self.fail(Failure::new(ErrorCode::Cancelled, "cancelled before it began"));
        }
        !self.answered()
    }

    /// Asks for an end. Work that waits for credit must be woken to see it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        if !self.started.load(Ordering::SeqCst) || self.method == Method::TaskWait {
            self.fail(Failure::new(ErrorCode::Cancelled, "cancelled while it waited"));
        }
    }

    /// Answers well. False where the call was over already: what was made for it must be undone.
    pub fn reply(&self, result: &impl Encode<()>, body: &[u8]) -> bool {
        let copy = |into: &mut [u8]| {
            into.copy_from_slice(body);
            Ok(())
        };
        self.reply_with(result, body.len(), copy).unwrap_or_else(|failure| {
            self.fail(failure);
            false
        })
    }

    /// Answers well with a body that `fill` writes where it will be sent from.
    pub fn reply_with(
        &self,
        result: &impl Encode<()>,
        body_bytes: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        // Header, padding and the largest meta an answer with a body has.
        let most = self
            .answers
            .max_frame_bytes()
            .saturating_sub(ANSWER_META_BYTES)
            .min(MAX_BODY_BYTES);
        if body_bytes > most {
            let cause = format!("the answer's body has {body_bytes} bytes, one frame takes {most}");
            return Err(Failure::new(ErrorCode::TooLarge, cause));
        }
        let meta = to_vec(&Reply {
            result: Encoded(to_vec(result)),
            inflated_bytes: None,
        });
        let frame = Frame::build_with(self.head(FrameType::Reply), &meta, body_bytes, fill)?;
        let frame = frame.ok_or_else(|| {
            let cause = format!("the answer's meta has {} bytes, one frame takes 65535", meta.len());
            Failure::new(ErrorCode::TooLarge, cause)
        })?;
        Ok(self.answer(frame))
    }

    /// Answers with an error; false where the call was over already.
    pub fn fail(&self, failure: Failure) -> bool {
        match Frame::build(self.head(FrameType::Fail), &to_vec(&failure.meta()), &[]) {
            Some(frame) => self.answer(frame),
            None => false,
        }
    }

    fn answer(&self, frame: Frame) -> bool {
        if self.answered.swap(true, Ordering::SeqCst) {
            return false;
        }
        let mut frames = Vec::with_capacity(2);
        if self.method.streams() {
            let items = self.stream().items.next_index();
            frames.extend(Frame::build(self.head(FrameType::End), &to_vec(&End { items }), &[]));
        }
        frames.push(frame);
        if self.method.streams() {
            self.stream().last.clone_from(&frames);
        }
        self.answers.end_call(self, frames);
        true
    }

    /// Sends a stream's next item if its credit allows; false where it must wait.
    pub fn item(&self, payload: &impl Encode<()>, body: &[u8]) -> Result<bool, Failure> {
        let mut stream = self.stream();
        if !stream.items.may_send() {
            return Ok(false);
        }
        let meta = to_vec(&Item {
            index: stream.items.next_index(),
            payload: Encoded(to_vec(payload)),
            inflated_bytes: None,
        });
        let frame = Frame::build(self.head(FrameType::Item), &meta, body).filter(|_| body.len() <= MAX_BODY_BYTES);
        let frame = frame.filter(|frame| frame.bytes().len() <= self.answers.max_frame_bytes());
        let frame = frame.ok_or_else(|| Failure::new(ErrorCode::TooLarge, "an item does not fit one frame"))?;
        stream.items.sent(frame.clone());
        // Sent under the stream's lock, so that a resume never sees an item recorded and not yet on its way.
        self.answers.send(frame, true);
        Ok(true)
    }

    /// True where work on it has something to do: there is credit for an item, or working on has no use.
    pub fn may_go_on(&self) -> bool {
        self.cancelled() || self.stream().items.may_send()
    }

    /// Takes credit.
    pub fn credit(&self, bytes: u64) {
        self.stream().items.credit(bytes);
    }
}
