//! What a peer says, whatever the link below: HELLO, calls, keep-alive, goodbye. No job runs here.
//!
//! Surprising: frames that break the rules end this connection only; its session is suspended.

use std::sync::Arc;

use link::cbor::{from_slice, to_vec};
use link::deflate::inflate;
use link::frame::Flags;
use link::limits::{MAX_BODY_BYTES, MAX_FRAME_BYTES, MAX_IN_FLIGHT, PROTOCOL_CURRENT, PROTOCOL_MIN};
use link::message::call::Fail;
use link::message::hello::{Bye, HelloBoard, HelloHost, Limits, Ping, Pong, StreamPosition};
use link::message::stream::Credit;
use link::uart::receiver::MAX_LINE_FRAME_BYTES;
use link::{ErrorCode, Frame, FrameType};

use crate::access::Rights;
use crate::agent::Agent;
use crate::call::Call;
use crate::connection::{Connection, control};
use crate::failure::Failure;
use crate::log::Level;
use crate::service;
use crate::session::{Attached, Facts, Session};

/// Largest body of a CALL on a serial line.
const MAX_LINE_BODY_BYTES: usize = 16 * 1024;
/// A serial line's sessions are kept this many times longer than others: 120 s where TCP has 30 s.
const LINE_GRACE: u64 = 4;
/// Capability of a host that inflates bodies of answers.
const DEFLATE: &str = "body.deflate";
/// The same for bodies of items.
const DEFLATE_ITEMS: &str = "item.deflate";

/// Capabilities by name.
const CAPABILITIES: &[&str] = &[
    "blob.gc",
    "blob.import",
    "blob.pin",
    "blob.resume",
    DEFLATE,
    "lease",
    "lease.queue",
    "model.load",
    "model.step",
    "npu.capture",
    "npu.registers",
    "npu.step",
    "npu.words",
    "session.resume",
    "sys.echo",
    "sys.link",
    "task.matmulFp16",
    "task.matmulInt8",
];

/// Why a connection ended.
pub enum End {
    /// The link went away.
    Lost(String),
    /// The peer broke a rule.
    Refused(Failure),
    /// The peer said goodbye.
    Bye(String),
}

/// The board's end of one connection.
pub struct Peer {
    agent: Arc<Agent>,
    /// The connection.
    pub connection: Arc<Connection>,
    session: Option<Arc<Session>>,
    serial: bool,
    rights: Rights,
    inflates: bool,
    inflates_items: bool,
}

impl Peer {
    /// A peer that has not greeted yet, with the rights of the key it showed.
    pub fn new(agent: Arc<Agent>, connection: Arc<Connection>, serial: bool, rights: Rights) -> Self {
        Self {
            agent,
            connection,
            session: None,
            serial,
            rights,
            inflates: false,
            inflates_items: false,
        }
    }

    /// True where the peer inflates the bodies of such frames.
    pub fn inflates(&self, kind: FrameType) -> bool {
        match kind {
            FrameType::Item => self.inflates_items,
            _ => self.inflates,
        }
    }

    fn facts(&self) -> Facts {
        let (max_frame_bytes, max_body_bytes, grace) = if self.serial {
            (MAX_LINE_FRAME_BYTES, MAX_LINE_BODY_BYTES, LINE_GRACE)
        } else {
            (MAX_FRAME_BYTES, MAX_BODY_BYTES, 1)
        };
        Facts {
            max_frame_bytes,
            max_body_bytes,
            grace_ms: self.agent.grace_ms.saturating_mul(grace),
            rights: self.rights,
        }
    }

    /// Ends the connection; its session is ended after a goodbye, else suspended.
    pub fn end(&self, end: End) {
        let number = self.session.as_ref().map_or(0, |session| session.number);
        match end {
            End::Bye(reason) => {
                if let Some(session) = &self.session {
                    self.agent.end_session(session, &format!("goodbye: {reason}"));
                }
                self.connection.outbox.finish();
            }
            End::Refused(failure) => {
                self.agent
                    .log
                    .line(Level::Warn, &format!("session {number}: connection refused: {failure}"));
                self.connection.refuse(&failure);
            }
            End::Lost(why) => {
                self.agent
                    .log
                    .line(Level::Info, &format!("session {number}: connection lost: {why}"));
                self.connection.outbox.close();
            }
        }
        if let Some(session) = &self.session {
            session.detach(&self.connection.outbox, self.agent.clock.now_ns());
        }
    }

    /// Takes a frame.
    pub fn frame(&mut self, frame: Frame) -> Result<(), End> {
        let received_ticks = self.agent.clock_ticks();
        let frame = inflate(frame, self.facts().max_body_bytes)
            .map_err(|error| End::Refused(Failure::new(ErrorCode::Corrupt, format!("a compressed body: {error}"))))?;
        let head = frame.view().head;
        if head.flags != Flags(0) {
            let cause = format!("flags {} nobody agreed on", head.flags.0);
            return Err(End::Refused(Failure::new(ErrorCode::Corrupt, cause)));
        }
        self.connection
            .heard(head.kind, self.session.is_some(), self.agent.now_ms());
        let Some(session) = self.session.clone() else {
            if head.kind != FrameType::Hello {
                return Err(End::Refused(Failure::bad_argument("the first frame is HELLO")));
            }
            let session = self.hello(frame.view().meta).map_err(End::Refused)?;
            self.session = Some(session);
            return Ok(());
        };
        let refuse = |error: minicbor::decode::Error| End::Refused(Failure::new(ErrorCode::Corrupt, error.to_string()));
        match head.kind {
            FrameType::Call => {
                // A serial line takes credit back instead.
                if !self.serial && !self.connection.outbox.wait_for_room() {
                    return Err(End::Lost("the peer takes nothing".into()));
                }
                service::call(&self.agent, &session, &self.connection, frame);
            }
            FrameType::Cancel => {
                if let Some(call) = session.find_call(head.call_id) {
                    call.cancel();
                    self.agent.wake(&call);
                }
            }
            FrameType::Credit => {
                let credit: Credit = from_slice(frame.view().meta).map_err(refuse)?;
                if let Some(call) = session.find_call(head.call_id) {
                    call.credit(credit.bytes);
                    self.agent.wake(&call);
                }
            }
            FrameType::Ping => {
                let ping: Ping = from_slice(frame.view().meta).map_err(refuse)?;
                self.agent.renew_lease(session.number);
                let pong = Pong {
                    host_us: ping.host_us,
                    received_ticks,
                    sent_ticks: self.agent.clock_ticks(),
                };
                self.connection
                    .outbox
                    .push(control(FrameType::Pong, 0, &to_vec(&pong)), false);
            }
            FrameType::Bye => {
                let bye: Bye = from_slice(frame.view().meta).map_err(refuse)?;
                return Err(End::Bye(bye.reason.chars().take(200).collect()));
            }
            _ => {
                return Err(End::Refused(Failure::bad_argument(format!(
                    "a host sends no {:?} here",
                    head.kind
                ))));
            }
        }
        Ok(())
    }

    fn hello(&mut self, meta: &[u8]) -> Result<Arc<Session>, Failure> {
        let hello: HelloHost = from_slice(meta)?;
        if hello.protocol_min > PROTOCOL_CURRENT || hello.protocol_current < PROTOCOL_MIN {
            let (min, current) = (hello.protocol_min, hello.protocol_current);
            let cause = format!("the host speaks {min} to {current}, the board {PROTOCOL_MIN} to {PROTOCOL_CURRENT}");
            return Err(Failure::new(ErrorCode::Unsupported, cause).remedy("Install client and agent of one version."));
        }
        let offers = |wanted: &str| hello.capabilities.iter().flatten().any(|name| name == wanted);
        (self.inflates, self.inflates_items) = (offers(DEFLATE), offers(DEFLATE_ITEMS));
        self.agent.learn_wall_time(hello.wall_us);
        let known = hello.token.as_ref().and_then(|token| self.agent.session(token));
        let streams = hello.streams.unwrap_or_default();
        if let Some(session) = known
            && self.attach(&session, true, &streams)
        {
            self.agent
                .log
                .line(Level::Info, &format!("session {} resumed", session.number));
            return Ok(session);
        }
        let session = self.agent.new_session()?;
        let line = format!(
            "session {} from {:.80}, host clock {} µs",
            session.number, hello.client, hello.wall_us
        );
        self.agent.log.line(Level::Info, &line.replace(char::is_control, " "));
        self.attach(&session, false, &[]);
        Ok(session)
    }

    fn attach(&self, session: &Session, resumed: bool, streams: &[StreamPosition]) -> bool {
        let (agent, facts) = (&self.agent, self.facts());
        let hello = HelloBoard {
            protocol_min: PROTOCOL_MIN,
            protocol_current: PROTOCOL_CURRENT,
            agent: format!(
                "npulabd {} {}-{} {}",
                env!("CARGO_PKG_VERSION"),
                std::env::consts::ARCH,
                std::env::consts::OS,
                agent.capabilities.backend
            ),
            boot_id: agent.boot_id.into(),
            token: session.token.into(),
            resumed,
            limits: Limits {
                max_frame_bytes: facts.max_frame_bytes as u32,
                max_in_flight: MAX_IN_FLIGHT as u32,
                max_body_bytes: facts.max_body_bytes as u32,
            },
            ticks_hz: agent.ticks_hz,
            capabilities: CAPABILITIES.iter().map(|name| (*name).into()).collect(),
            grace_ms: facts.grace_ms,
            read_only: (facts.rights == Rights::ReadOnly).then_some(true),
        };
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for position in streams {
            match session.find_call(position.call_id) {
                // Twice the same stream would lock it twice.
                Some(call)
                    if found
                        .iter()
                        .all(|(known, _): &(Arc<Call>, StreamPosition)| known.id != call.id) =>
                {
                    found.push((call, *position));
                }
                Some(_) => {}
                None => missing.push(position.call_id),
            }
        }
        let outbox = &self.connection.outbox;
        let hello = control(FrameType::Hello, 0, &to_vec(&hello));
        let Some(Attached { before }) = session.attach(outbox, facts, hello, &found) else {
            return false;
        };
        if let Some(before) = before {
            before.close();
        }
        found.iter().for_each(|(call, _)| agent.wake(call));
        if resumed {
            agent.leases(|leases, _| {
                leases.tell_again(session.number);
                Vec::new()
            });
        }
        for call_id in missing {
            let gone: Fail = Failure::new(ErrorCode::NotFound, "the stream is no longer kept").meta();
            outbox.push(control(FrameType::Fail, call_id, &to_vec(&gone)), false);
        }
        true
    }
}
