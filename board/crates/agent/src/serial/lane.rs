//! One connection on a line: who is behind it, what the first frame decides, what still has to be sent.
//!
//! Knows ciphers and the peer; refuses to know the port and other lanes.

use std::sync::Arc;

use link::deflate::deflate;
use link::secure::{self, HANDSHAKE_BYTES, MAX_PLAIN_BYTES, Opener, PREFACE_BYTES, Sealer};
use link::uart::pdu::Channel;
use link::{ErrorCode, Frame};

use crate::access::Rights;
use crate::agent::Agent;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::peer::{End, Peer};

/// Time for the last frames of a connection, µs.
const FAREWELL_US: u64 = 2_000_000;
/// Failures that are let pass before a key must be shown more slowly are counted by this address.
const NOBODY: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// What the first frame of a connection decides.
enum Door {
    /// Nothing said yet.
    Waiting,
    /// Plain frames.
    Plain,
    /// Sealed ones.
    Secured(Sealer, Opener),
}

/// A connection.
pub struct Lane {
    agent: Arc<Agent>,
    peer: Peer,
    door: Door,
    needs_key: bool,
    end: Option<End>,
    /// When a connection that ends is cut off.
    farewell_us: Option<u64>,
    /// The board's message of a handshake, which goes out before anything sealed.
    answer: Option<Vec<u8>>,
}

impl Lane {
    /// A connection that was opened now; with `needs_key` it serves only who shows a key.
    pub fn new(agent: Arc<Agent>, connection: Arc<Connection>, needs_key: bool) -> Self {
        Self {
            peer: Peer::new(Arc::clone(&agent), connection, true, Rights::Full),
            agent,
            door: Door::Waiting,
            needs_key,
            end: None,
            farewell_us: None,
            answer: None,
        }
    }

    /// True as long as nothing came on it.
    pub fn is_waiting(&self) -> bool {
        matches!(self.door, Door::Waiting)
    }

    /// Its connection.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.peer.connection
    }

    /// When `is_over` is to be asked again, if nothing else happens.
    pub fn farewell_us(&self) -> Option<u64> {
        self.farewell_us
    }

    /// Takes a frame as it came off the line. What breaks a rule ends the connection.
    pub fn frame(&mut self, channel: Channel, bytes: Vec<u8>) {
        if self.end.is_none() && self.farewell_us.is_none() {
            self.end = self.take(channel, bytes).err();
        }
    }

    fn take(&mut self, channel: Channel, bytes: Vec<u8>) -> Result<(), End> {
        if self.is_waiting() {
            if let Some((preface, message)) = bytes.split_first_chunk::<PREFACE_BYTES>()
                && secure::read_preface(preface).is_ok()
            {
                return self.handshake(preface, message);
            }
            self.door = Door::Plain;
            if self.needs_key {
                let cause = "this board serves only who shows its key";
                return Err(End::Refused(Failure::new(ErrorCode::Denied, cause).remedy(
                    "Give the key that the board's owner has: ?key=NAME at the end of the address.",
                )));
            }
        }
        let bytes = match &mut self.door {
            Door::Secured(_, opener) => {
                let mut plain = Vec::with_capacity(bytes.len());
                opener
                    .open(channel, &bytes, &mut plain)
                    .map_err(|error| End::Lost(error.to_string()))?;
                plain
            }
            _ => bytes,
        };
        let frame = Frame::from_bytes(bytes)
            .map_err(|error| End::Refused(Failure::new(ErrorCode::Corrupt, error.to_string())))?;
        self.peer.frame(frame)
    }

    fn handshake(&mut self, preface: &[u8; PREFACE_BYTES], message: &[u8]) -> Result<(), End> {
        if !self.agent.door_admits(NOBODY) {
            return Err(End::Lost("too many failed handshakes on the serial line".into()));
        }
        let found = secure::read_preface(preface)
            .ok()
            .and_then(|id| self.agent.keys.find(id));
        let answered = found
            .filter(|_| message.len() == HANDSHAKE_BYTES)
            .and_then(|(key, rights)| Some((secure::respond(key, message).ok()?, rights)));
        let Some(((secured, answer), rights)) = answered else {
            self.agent.door_failed(NOBODY);
            return Err(End::Lost("a handshake on the serial line without the key".into()));
        };
        self.answer = Some(answer);
        self.door = Door::Secured(secured.sealer, secured.opener);
        let connection = Arc::clone(self.connection());
        connection.counts().secured = true;
        self.peer = Peer::new(Arc::clone(&self.agent), connection, true, rights);
        Ok(())
    }

    /// The next frame of a channel as it goes on the line.
    pub fn next(&mut self, channel: Channel) -> Option<Vec<u8>> {
        if channel == Channel::Control
            && let Some(answer) = self.answer.take()
        {
            return Some(answer);
        }
        let bulk = channel == Channel::Bulk;
        let frame = self.connection().outbox.take(bulk)?;
        let inflates = bulk && self.peer.inflates(frame.view().head.kind);
        let frame = inflates.then(|| deflate(&frame)).flatten().unwrap_or(frame);
        let bytes = frame.bytes();
        let Door::Secured(sealer, _) = &mut self.door else {
            return Some(bytes.to_vec());
        };
        let mut record = Vec::with_capacity(bytes.len() + secure::TAG_BYTES);
        if bytes.len() > MAX_PLAIN_BYTES || sealer.seal(channel, bytes, &mut record).is_err() {
            // Dropping it would leave its call without an answer.
            let cause = format!("a frame of {} bytes fits no record", bytes.len());
            let failure = Failure::new(ErrorCode::TooLarge, cause);
            self.end.get_or_insert(End::Refused(failure));
            return None;
        }
        Some(record)
    }

    /// Ends it where something asked for it; what waits is still sent, for a while. True where nothing is left of it.
    pub fn is_over(&mut self, now_us: u64, line_idle: bool) -> bool {
        if self.connection().outbox.is_closed() {
            self.peer.end(End::Lost("silent for too long".into()));
            return true;
        }
        if let Some(end) = self.end.take() {
            let at_once = matches!(end, End::Lost(_));
            self.peer.end(end);
            if at_once {
                return true;
            }
        }
        if !self.connection().outbox.is_finished() {
            return false;
        }
        let until_us = *self.farewell_us.get_or_insert(now_us + FAREWELL_US);
        if !line_idle && now_us < until_us {
            return false;
        }
        self.peer.end(End::Lost("closed".into()));
        true
    }

    /// The link under it has gone.
    pub fn lost(&mut self, why: &str) {
        // What it said last may have come in the same read: after a BYE nothing is kept for the session to come back to.
        if let Some(end) = self.end.take() {
            self.peer.end(end);
        }
        self.peer.end(End::Lost(why.into()));
    }

    /// The peer of the line broke its rules.
    pub fn refuse(&mut self, failure: Failure) {
        self.end.get_or_insert(End::Refused(failure));
    }
}
