//! One TCP connection: a reader that decodes and dispatches, a writer that empties the outbox. No job runs here.
//!
//! Surprising: a byte stream that breaks the frame rules ends this connection only; its session is suspended.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use link::cbor::{from_slice, to_vec};
use link::frame::{Flags, Head};
use link::limits::{MAX_BODY_BYTES, MAX_FRAME_BYTES, MAX_IN_FLIGHT, PROTOCOL_CURRENT, PROTOCOL_MIN};
use link::message::call::Fail;
use link::message::hello::{Bye, HelloBoard, HelloHost, Limits, Ping, Pong};
use link::message::stream::Credit;
use link::session::keepalive::{Keepalive, KeepaliveAction, KeepaliveEvent};
use link::{Deframer, ErrorCode, Frame, FrameType};

use crate::agent::Agent;
use crate::failure::Failure;
use crate::log::Level;
use crate::outbox::Outbox;
use crate::service;
use crate::session::Session;

/// Most bytes of one write: half of StarryOS's socket buffer.
const WRITE_PIECE_BYTES: usize = 32 * 1024;
/// A peer that takes nothing for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for the first HELLO.
const HELLO_MS: u64 = 10_000;

/// Capabilities by name.
const CAPABILITIES: &[&str] = &[
    "blob.resume",
    "model.load",
    "model.step",
    "npu.capture",
    "npu.registers",
    "npu.step",
    "npu.words",
    "session.resume",
    "task.matmulInt8",
];

/// What others may do to a connection.
pub struct Connection {
    outbox: Arc<Outbox>,
    alive: Mutex<(Keepalive, bool)>,
    opened_ms: u64,
}

impl Connection {
    /// Closes the connection where it is silent for too long.
    pub fn tick(&self, now_ms: u64) {
        let (keepalive, greeted) = &mut *self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        let late_hello = !*greeted && now_ms.saturating_sub(self.opened_ms) >= HELLO_MS;
        if late_hello || keepalive.on(KeepaliveEvent::Tick, now_ms) == KeepaliveAction::LinkDown {
            self.outbox.close();
        }
    }

    /// Says goodbye and closes.
    pub fn leave(&self, reason: &str) {
        self.outbox.push(
            control(FrameType::Bye, 0, &to_vec(&Bye { reason: reason.into() })),
            false,
        );
        self.outbox.finish();
    }
}

fn control(kind: FrameType, call_id: u32, meta: &[u8]) -> Frame {
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

fn now_ms(agent: &Agent) -> u64 {
    agent.clock.now_ns() / 1_000_000
}

/// Runs a connection on two new threads.
pub fn serve(agent: Arc<Agent>, stream: TcpStream) -> io::Result<Arc<Connection>> {
    // Optional: a system without the option is slower, not wrong.
    let _ = stream.set_nodelay(true);
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let (to_close, to_write) = (stream.try_clone()?, stream.try_clone()?);
    // A socket that is closed already cannot be closed again.
    let hang_up = move || drop(to_close.shutdown(Shutdown::Both));
    let outbox = Arc::new(Outbox::new(Box::new(hang_up)));
    let opened_ms = now_ms(&agent);
    let alive = Mutex::new((Keepalive::new(opened_ms), false));
    let connection = Arc::new(Connection {
        outbox: Arc::clone(&outbox),
        alive,
        opened_ms,
    });
    let writer_outbox = Arc::clone(&outbox);
    std::thread::Builder::new().name("writer".into()).spawn(move || {
        // An error means that the peer is gone; the reader sees it as well.
        let _ = write_all(to_write, &writer_outbox);
        writer_outbox.close();
    })?;
    let reader = Reader {
        agent,
        connection: Arc::clone(&connection),
        session: None,
    };
    std::thread::Builder::new()
        .name("reader".into())
        .spawn(move || reader.run(stream))?;
    Ok(connection)
}

fn write_all(mut stream: TcpStream, outbox: &Outbox) -> io::Result<()> {
    while let Some(frame) = outbox.next() {
        let bytes = frame.bytes();
        let mut wire = Vec::with_capacity(4 + bytes.len().min(WRITE_PIECE_BYTES));
        wire.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        let (first, rest) = bytes.split_at(bytes.len().min(WRITE_PIECE_BYTES - 4));
        wire.extend_from_slice(first);
        stream.write_all(&wire)?;
        for piece in rest.chunks(WRITE_PIECE_BYTES) {
            stream.write_all(piece)?;
        }
    }
    stream.flush()
}

/// Why a connection ended.
enum End {
    Lost(String),
    Refused(Failure),
    Bye(String),
}

struct Reader {
    agent: Arc<Agent>,
    connection: Arc<Connection>,
    session: Option<Arc<Session>>,
}

impl Reader {
    fn run(mut self, stream: TcpStream) {
        let end = self.read(stream);
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
                self.connection.leave(&format!(
                    "{}: {}. {}",
                    failure.code.name(),
                    failure.cause,
                    failure.remedy
                ));
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

    fn read(&mut self, mut stream: TcpStream) -> End {
        let mut deframer = Deframer::new(MAX_FRAME_BYTES);
        let mut buffer = vec![0u8; 64 * 1024];
        loop {
            let got = match stream.read(&mut buffer) {
                Ok(0) if deframer.at_border() => return End::Lost("closed by the peer".into()),
                Ok(0) => return End::Lost("closed by the peer within a frame".into()),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return End::Lost(error.to_string()),
            };
            let mut input = &buffer[..got];
            loop {
                match deframer.feed(&mut input) {
                    Ok(None) => break,
                    Ok(Some(frame)) => {
                        if let Err(end) = self.frame(frame) {
                            return end;
                        }
                    }
                    Err(error) => return End::Refused(Failure::new(ErrorCode::Corrupt, error.to_string())),
                }
            }
        }
    }

    fn frame(&mut self, frame: Frame) -> Result<(), End> {
        let received_ticks = self.agent.clock_ticks();
        let head = frame.view().head;
        {
            let (keepalive, greeted) = &mut *self.connection.alive.lock().unwrap_or_else(PoisonError::into_inner);
            keepalive.on(
                KeepaliveEvent::Frame {
                    ping: head.kind == FrameType::Ping,
                },
                now_ms(&self.agent),
            );
            *greeted |= self.session.is_some();
        }
        let Some(session) = self.session.clone() else {
            if head.kind != FrameType::Hello {
                return Err(End::Refused(Failure::bad_argument("the first frame is HELLO")));
            }
            self.session = Some(self.hello(frame.view().meta).map_err(End::Refused)?);
            return Ok(());
        };
        let refuse = |error: minicbor::decode::Error| End::Refused(Failure::new(ErrorCode::Corrupt, error.to_string()));
        match head.kind {
            FrameType::Call => {
                if !self.connection.outbox.wait_for_room() {
                    return Err(End::Lost("the peer takes nothing".into()));
                }
                service::call(&self.agent, &session, frame);
            }
            FrameType::Cancel => {
                let work = session.find_call(head.call_id).and_then(|call| call.cancel());
                work.into_iter().for_each(|work| self.agent.to_device_always(work));
            }
            FrameType::Credit => {
                let credit: Credit = from_slice(frame.view().meta).map_err(refuse)?;
                let work = session
                    .find_call(head.call_id)
                    .and_then(|call| call.credit(credit.bytes));
                work.into_iter().for_each(|work| self.agent.to_device_always(work));
            }
            FrameType::Ping => {
                let ping: Ping = from_slice(frame.view().meta).map_err(refuse)?;
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

    fn hello(&self, meta: &[u8]) -> Result<Arc<Session>, Failure> {
        let hello: HelloHost = from_slice(meta)?;
        if hello.protocol_min > PROTOCOL_CURRENT || hello.protocol_current < PROTOCOL_MIN {
            let (min, current) = (hello.protocol_min, hello.protocol_current);
            let cause = format!("the host speaks {min} to {current}, the board {PROTOCOL_MIN} to {PROTOCOL_CURRENT}");
            return Err(Failure::new(ErrorCode::Unsupported, cause).remedy("Install client and agent of one version."));
        }
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

    fn attach(&self, session: &Session, resumed: bool, streams: &[link::message::hello::StreamPosition]) -> bool {
        let agent = &self.agent;
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
                max_frame_bytes: MAX_FRAME_BYTES as u32,
                max_in_flight: MAX_IN_FLIGHT as u32,
                max_body_bytes: MAX_BODY_BYTES as u32,
            },
            ticks_hz: agent.ticks_hz,
            capabilities: CAPABILITIES.iter().map(|name| (*name).into()).collect(),
            grace_ms: agent.grace_ms,
            read_only: None,
        };
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for position in streams {
            match session.find_call(position.call_id) {
                // Twice the same stream would lock it twice.
                Some(call)
                    if found
                        .iter()
                        .all(|(known, _): &(Arc<crate::call::Call>, u64)| known.id != call.id) =>
                {
                    found.push((call, position.next_item));
                }
                Some(_) => {}
                None => missing.push(position.call_id),
            }
        }
        let outbox = &self.connection.outbox;
        let Some(before) = session.attach(outbox, control(FrameType::Hello, 0, &to_vec(&hello)), &found) else {
            return false;
        };
        if let Some(before) = before {
            before.close();
        }
        for call_id in missing {
            let gone: Fail = Failure::new(ErrorCode::NotFound, "the stream is no longer kept").meta();
            outbox.push(control(FrameType::Fail, call_id, &to_vec(&gone)), false);
        }
        true
    }
}
