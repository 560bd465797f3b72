//! One connection as others see it: what it still has to send, whether it lives, what it has carried. Knows no session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use link::cbor::{Nullable, to_vec};
use link::frame::{Flags, Head};
use link::message::hello::Bye;
use link::message::sys::LinkCounts;
use link::session::keepalive::{Keepalive, KeepaliveAction, KeepaliveEvent};
use link::{Frame, FrameType};

use crate::failure::Failure;
use crate::outbox::Outbox;

/// Time for the first HELLO.
const HELLO_MS: u64 = 10_000;

/// What others may do to a connection.
pub struct Connection {
    /// What it still has to send.
    pub outbox: Arc<Outbox>,
    alive: Mutex<(Keepalive, bool)>,
    opened_ms: u64,
    /// What `sys.link` tells; a serial line keeps it up to date.
    counts: Mutex<LinkCounts>,
}

impl Connection {
    /// A connection that was opened now, over "tcp" or "serial".
    pub fn new(outbox: Arc<Outbox>, now_ms: u64, transport: &str) -> Arc<Self> {
        Arc::new(Self {
            outbox,
            alive: Mutex::new((Keepalive::new(now_ms), false)),
            opened_ms: now_ms,
            counts: Mutex::new(LinkCounts {
                transport: transport.into(),
                secured: false,
                sent_pdus: 0,
                repeated_pdus: 0,
                received_pdus: 0,
                damaged_segments: 0,
                payload_bytes: 0,
                window_bytes: 0,
                round_trip_us: Nullable(None),
            }),
        })
    }

    /// What `sys.link` tells, to be changed or read.
    pub fn counts(&self) -> MutexGuard<'_, LinkCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> MutexGuard<'_, (Keepalive, bool)> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A frame came: a sign of life. `greeted`: HELLO was before it.
    pub fn heard(&self, kind: FrameType, greeted: bool, now_ms: u64) {
        let ping = kind == FrameType::Ping;
        let (keepalive, was_greeted) = &mut *self.alive();
        keepalive.on(KeepaliveEvent::Frame { ping }, now_ms);
        *was_greeted |= greeted;
    }

    /// Closes the connection where it is silent for too long.
    pub fn tick(&self, now_ms: u64) {
        let (keepalive, greeted) = &mut *self.alive();
        let late_hello = !*greeted && now_ms.saturating_sub(self.opened_ms) >= HELLO_MS;
        if late_hello || keepalive.on(KeepaliveEvent::Tick, now_ms) == KeepaliveAction::LinkDown {
            self.outbox.close();
        }
    }

    /// Says goodbye and closes.
    pub fn leave(&self, reason: &str) {
        self.bye(Bye {
            reason: reason.into(),
            ..Bye::default()
        });
    }

    /// Says what the peer did wrong and what to do about it, and closes.
    pub fn refuse(&self, failure: &Failure) {
        self.bye(Bye {
            reason: failure.cause.clone(),
            code: Some(failure.code),
            remedy: Some(failure.remedy.clone()),
        });
    }

    fn bye(&self, bye: Bye) {
        self.outbox.push(control(FrameType::Bye, 0, &to_vec(&bye)), false);
        self.outbox.finish();
    }
}

/// A frame of the connection's own, without a body.
pub fn control(kind: FrameType, call_id: u32, meta: &[u8]) -> Frame {
    let head = Head {
        kind,
        flags: Flags(0),
        method: 0,
        call_id,
    };
    // Control metas are a few dozen bytes; an empty one stands in for what cannot be.
    Frame::build(head, meta, &[])
        .or_else(|| Frame::build(head, &[0xa0], &[]))
        .unwrap_or_else(|| unreachable!())
}
