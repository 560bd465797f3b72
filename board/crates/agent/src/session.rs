//! A session: handles, running calls, stored answers, and the connection it has at the moment, if any.
//!
//! Refuses to know sockets and methods. Everything it sends goes out under its lock, so that a connection that takes
//! over sees each frame exactly once or not at all. Lock order: a call's stream, then its session, then the outbox.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use link::cbor::{Encoded, to_vec};
use link::frame::{Flags, Head};
use link::limits::{MAX_BODY_BYTES, MAX_FRAME_BYTES, MAX_IN_FLIGHT};
use link::message::call::Handle;
use link::message::hello::StreamPosition;
use link::message::stream::Event;
use link::method::Retry;
use link::session::replies::{Known, StoredReplies};
use link::{ErrorCode, Frame, FrameType};

use crate::access::Rights;
use crate::call::{Answers, Call};
use crate::failure::Failure;
use crate::handles::{HandleTable, Object};
use crate::outbox::Outbox;

/// Ended streams kept for a resume.
const KEPT_STREAMS: usize = 16;
/// Ended jobs kept for a further `task.wait`.
const KEPT_JOBS: usize = 1024;

#[derive(Default)]
struct State {
    handles: HandleTable,
    memory_bytes: u64,
    jobs: VecDeque<Handle>,
    in_flight: HashMap<u32, Arc<Call>>,
    ended_streams: VecDeque<Arc<Call>>,
    replies: StoredReplies,
    link: Option<Arc<Outbox>>,
    facts: Facts,
    suspended_ns: Option<u64>,
    ended: bool,
    events: u64,
    events_lost: u64,
}

/// What a session may do over the connection it has, and how long it lives without one.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Largest frame.
    pub max_frame_bytes: usize,
    /// Largest body of a CALL, and most that `mem.read` gives.
    pub max_body_bytes: usize,
    /// Time without a connection after which it ends.
    pub grace_ms: u64,
    /// Rights of the key that was shown.
    pub rights: Rights,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            max_frame_bytes: MAX_FRAME_BYTES,
            max_body_bytes: MAX_BODY_BYTES,
            grace_ms: 0,
            rights: Rights::ReadOnly,
        }
    }
}

/// What a session had when it got another connection.
pub struct Attached {
    /// The connection before.
    pub before: Option<Arc<Outbox>>,
}

/// What became of a CALL frame at the session's door.
pub enum Admission {
    /// New: run it.
    Run,
    /// Running or answered before: nothing to do.
    Done,
}

/// A session.
pub struct Session {
    /// Its secret name.
    pub token: [u8; 16],
    /// Its name in the log.
    pub number: u64,
    quota_bytes: u64,
    state: Mutex<State>,
}

impl Session {
    /// A session without a connection.
    pub fn new(token: [u8; 16], number: u64, quota_bytes: u64) -> Self {
        Self {
            token,
            number,
            quota_bytes,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the session a connection. `None` where it has ended.
    ///
    /// Sends `hello` first, then what the resumed streams still owe. Those streams are locked before the session, so
    /// that no new item overtakes an old one; nothing else holds two streams at a time.
    pub fn attach(
        &self,
        link: &Arc<Outbox>,
        facts: Facts,
        hello: Frame,
        streams: &[(Arc<Call>, StreamPosition)],
    ) -> Option<Attached> {
        let held: Vec<_> = streams.iter().map(|(call, from)| (call.stream(), *from)).collect();
        let mut state = self.state();
        if state.ended {
            return None;
        }
        state.suspended_ns = None;
        state.facts = facts;
        link.push(hello, false);
        for (mut stream, from) in held {
            stream.resume(from).into_iter().for_each(|frame| link.push(frame, true));
        }
        Some(Attached {
            before: state.link.replace(Arc::clone(link)),
        })
    }

    /// Takes the connection away if it is still this one.
    pub fn detach(&self, link: &Arc<Outbox>, now_ns: u64) {
        let mut state = self.state();
        if state.link.as_ref().is_some_and(|current| Arc::ptr_eq(current, link)) {
            state.link = None;
            state.suspended_ns = Some(now_ns);
        }
    }

    /// What it may do over the connection it has or had last.
    pub fn facts(&self) -> Facts {
        self.state().facts
    }

    /// When it lost its connection, where it has none.
    pub fn suspended_ns(&self) -> Option<u64> {
        self.state().suspended_ns
    }

    /// Ends the session: running calls are cancelled, further answers dropped. The objects are the caller's to free.
    pub fn end(&self) -> (Vec<Object>, Vec<Arc<Call>>) {
        let mut state = self.state();
        state.ended = true;
        state.ended_streams.clear();
        if let Some(link) = state.link.take() {
            link.finish();
        }
        (
            state.handles.drain(),
            state.in_flight.drain().map(|(_, call)| call).collect(),
        )
    }

    /// Decides about a CALL and registers it.
    pub fn admit(&self, call: &Arc<Call>) -> Result<Admission, Failure> {
        let mut state = self.state();
        if state.in_flight.contains_key(&call.id) {
            return Ok(Admission::Done);
        }
        if call.method.retry() == Retry::Once {
            match state.replies.lookup(call.id) {
                Known::New => {}
                Known::Answered(frames) => {
                    for frame in frames {
                        push(&state.link, frame, call.method.streams());
                    }
                    return Ok(Admission::Done);
                }
                Known::Forgotten => {
                    let cause = format!("call {} was answered before and its answer is no longer kept", call.id);
                    return Err(Failure::new(ErrorCode::NotFound, cause)
                        .remedy("The call was run once; read the object's state instead of repeating it."));
                }
            }
        }
        if state.in_flight.len() >= MAX_IN_FLIGHT {
            return Err(Failure::new(
                ErrorCode::Busy,
                format!("{MAX_IN_FLIGHT} calls are unanswered already"),
            ));
        }
        state.in_flight.insert(call.id, Arc::clone(call));
        Ok(Admission::Run)
    }

    /// Sends an event, or counts it as lost.
    pub fn event(&self, topic: u16, payload: Encoded) {
        let mut state = self.state();
        let Some(link) = state.link.clone() else {
            state.events_lost += 1;
            return;
        };
        let meta = to_vec(&Event {
            sequence: state.events,
            lost: state.events_lost,
            payload,
        });
        let head = Head {
            kind: FrameType::Event,
            flags: Flags(0),
            method: topic,
            call_id: 0,
        };
        if let Some(frame) = Frame::build(head, &meta, &[]) {
            state.events += 1;
            state.events_lost = 0;
            link.push(frame, false);
        }
    }

    /// A running call or a stream that ended lately.
    pub fn find_call(&self, id: u32) -> Option<Arc<Call>> {
        let state = self.state();
        let running = state.in_flight.get(&id);
        running
            .or_else(|| state.ended_streams.iter().find(|call| call.id == id))
            .cloned()
    }

    /// Every running call.
    pub fn running(&self) -> Vec<Arc<Call>> {
        self.state().in_flight.values().cloned().collect()
    }

    /// Takes bytes of the session's memory quota.
    pub fn reserve(&self, size_bytes: u64) -> Result<(), Failure> {
        let mut state = self.state();
        let free = self.quota_bytes - state.memory_bytes.min(self.quota_bytes);
        if size_bytes > free {
            let cause = format!(
                "{size_bytes} bytes wanted, {free} of the session's {} are left",
                self.quota_bytes
            );
            return Err(Failure::new(ErrorCode::OutOfMemory, cause)
                .remedy("Free buffers of this session, or start the agent with a larger --memory-mib.")
                .number("wantedBytes", size_bytes)
                .number("freeBytes", free));
        }
        state.memory_bytes += size_bytes;
        Ok(())
    }

    /// Gives them back.
    pub fn release(&self, size_bytes: u64) {
        let mut state = self.state();
        state.memory_bytes = state.memory_bytes.saturating_sub(size_bytes);
    }

    /// Issues a handle; gives the object back where the session has ended or holds too many.
    pub fn insert(&self, object: Object) -> Result<Handle, (Object, Failure)> {
        let mut state = self.state();
        if state.ended {
            return Err((object, Failure::new(ErrorCode::Cancelled, "the session has ended")));
        }
        if matches!(object, Object::Job(_)) && state.jobs.len() >= KEPT_JOBS {
            let oldest_ended = state.jobs.iter().position(|&handle| match state.handles.get(handle) {
                Ok(Object::Job(job)) => job.ended(),
                _ => true,
            });
            if let Some(handle) = oldest_ended.and_then(|at| state.jobs.remove(at)) {
                // A job whose handle is gone already needs no second removal.
                let _ = state.handles.remove(handle);
            }
        }
        let handle = state
            .handles
            .insert(object.clone())
            .map_err(|failure| (object, failure))?;
        if handle.kind == link::message::call::HandleKind::Job {
            state.jobs.push_back(handle);
        }
        Ok(handle)
    }

    /// The object behind a handle.
    pub fn object(&self, handle: Handle) -> Result<Object, Failure> {
        self.state().handles.get(handle).cloned()
    }

    /// Takes an object away; its handle is stale from here on, also for calls that are queued behind this one.
    pub fn remove(&self, handle: Handle) -> Result<Object, Failure> {
        self.state().handles.remove(handle)
    }
}

impl Answers for Session {
    fn max_frame_bytes(&self) -> usize {
        self.state().facts.max_frame_bytes
    }

    fn send(&self, frame: Frame, bulk: bool) {
        push(&self.state().link, frame, bulk);
    }

    fn end_call(&self, call: &Call, frames: Vec<Frame>) {
        let mut state = self.state();
        // A call that was refused at the door must not take an older one of the same id with it.
        let same = state
            .in_flight
            .get(&call.id)
            .is_some_and(|known| std::ptr::eq(Arc::as_ptr(known), call));
        if same && let Some(known) = state.in_flight.remove(&call.id) {
            if call.method.streams() {
                state.ended_streams.push_back(known);
                if state.ended_streams.len() > KEPT_STREAMS {
                    state.ended_streams.pop_front();
                }
            }
            if call.method.retry() == Retry::Once {
                state.replies.store(call.id, frames.clone());
            }
        }
        for frame in frames {
            let bulk = call.method.streams() || !frame.view().body.is_empty();
            push(&state.link, frame, bulk);
        }
    }
}

fn push(link: &Option<Arc<Outbox>>, frame: Frame, bulk: bool) {
    if let Some(link) = link {
        link.push(frame, bulk);
    }
}
