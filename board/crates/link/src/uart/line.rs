//! A reliable line over an unreliable one: opens a connection with fresh epochs, repeats what was lost, hands frames on in
//! order, each once.
//!
//! A pure state machine: bytes and time go in, actions and bytes come out. Joins what knows the epochs, the pace, the window
//! and the order.

use alloc::string::String;
use alloc::vec::Vec;

pub use super::greeting::Role;
use super::greeting::{Greeted, Greeting};
use super::pace::{BURST_BYTES, Pace, Wait};
use super::pdu::{Channel, Epochs, Kind, MAX_PAYLOAD_BYTES, Pdu, Unmasked, Wire};
use super::rate::{Rate, SMALL_PAYLOAD_BYTES};
use super::receiver::{LineError, Receiver};
use super::sender::Sender;
use super::split::{Segment, Splitter, text_of, told};

/// Losses after which a PDU goes out in pieces.
const CAREFUL_AFTER: u32 = 3;
/// A PDU should not hold a slow line for longer than this, µs.
const LONGEST_PDU_US: u64 = 100_000;
/// Units of 256 bytes this side takes unless told otherwise.
pub const ROOM_UNITS: u8 = 64;

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineAction {
    /// The peer has answered; frames flow. Where they did before, whatever was under way is gone.
    Open {
        /// It was open before: the peer began anew.
        again: bool,
    },
    /// A whole frame.
    Frame(Channel, Vec<u8>),
    /// Text that something else wrote on the line.
    Console(String),
    /// The peer broke the rules; only `reset` helps.
    Broken(LineError),
}

/// Counts since the line was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Data PDUs sent, repeats included.
    pub sent_pdus: u64,
    /// Data PDUs sent again.
    pub repeated_pdus: u64,
    /// PDUs of any kind whose sum was right.
    pub received_pdus: u64,
    /// Segments that were neither a PDU of this connection nor text.
    pub damaged_segments: u64,
}

/// One end of a serial line.
#[derive(Debug)]
pub struct Line {
    bytes_per_s: Option<u64>,
    splitter: Splitter,
    greeting: Greeting,
    sender: Sender,
    receiver: Receiver,
    room_units: u8,
    pace: Pace,
    ack_due: bool,
    mask: u8,
    broken: bool,
    counts: LineCounts,
}

impl Line {
    /// An end with a random epoch; `bytes_per_s` is what the line carries, where that is known (baud / 10).
    pub fn new(role: Role, epoch: u32, bytes_per_s: Option<u64>) -> Self {
        let bytes_per_s = bytes_per_s.filter(|&rate| rate > 0);
        Self {
            bytes_per_s,
            splitter: Splitter::default(),
            greeting: Greeting::new(role, epoch),
            sender: Sender::new(fresh_rate(bytes_per_s), 0, epoch),
            receiver: Receiver::new(ROOM_UNITS),
            room_units: ROOM_UNITS,
            pace: Pace::new(bytes_per_s),
            ack_due: false,
            mask: 0,
            broken: false,
            counts: LineCounts::default(),
        }
    }

    /// Begins: a host greets until it is answered, a board once, so that a host that knew it before notices.
    pub fn start(&mut self, now_us: u64) {
        self.greeting.start(now_us);
    }

    /// Forgets the peer and everything under way, and takes a new random epoch.
    pub fn reset(&mut self, epoch: u32) {
        let fresh = Self::new(self.greeting.role(), epoch, self.bytes_per_s);
        let before = core::mem::replace(self, fresh);
        (self.mask, self.pace, self.counts) = (before.mask, before.pace.anew(), before.counts);
        self.splitter = before.splitter;
    }

    /// True once the peer has answered.
    pub fn is_open(&self) -> bool {
        self.greeting.peer().is_some() && !self.broken
    }

    /// True where everything queued has arrived and everything received is acknowledged.
    pub fn idle(&self) -> bool {
        self.sender.idle() && !self.ack_due && !self.pace.in_pieces()
    }

    /// Bytes of a channel that have not gone out.
    pub fn queued_bytes(&self, channel: Channel) -> usize {
        self.sender.queued_bytes(channel)
    }

    /// Counts so far.
    pub fn counts(&self) -> LineCounts {
        self.counts
    }

    /// Payload of the next PDU and payload that may be in flight, bytes.
    pub fn sizes(&self) -> (usize, usize) {
        let rate = &self.sender.rate;
        (rate.payload_bytes(), rate.window_bytes().max(rate.payload_bytes()))
    }

    /// Smoothed round trip.
    pub fn round_trip_us(&self) -> Option<u64> {
        self.sender.rto.round_trip_us()
    }

    /// Queues a frame of an open line.
    pub fn send(&mut self, channel: Channel, frame: Vec<u8>) {
        self.sender.queue(channel, frame);
    }

    /// Units of 256 bytes this side takes; 0 stops the peer.
    pub fn set_room(&mut self, units: u8) {
        if units != self.room_units {
            self.room_units = units;
            self.receiver.set_room(units);
            self.ack_due |= self.greeting.peer().is_some();
        }
    }

    /// Takes bytes off the line.
    pub fn receive(&mut self, mut bytes: &[u8], now_us: u64) -> Vec<LineAction> {
        let mut actions = Vec::new();
        while let Some(segment) = self.splitter.feed(&mut bytes) {
            let segment = match segment {
                Segment::Pdu(unmasked, raw) => match self.pdu(&unmasked, now_us, &mut actions) {
                    true => None,
                    false => told(text_of(&raw)),
                },
                other => Some(other),
            };
            match segment {
                Some(Segment::Text(text)) => actions.push(LineAction::Console(text)),
                Some(_) => self.counts.damaged_segments += 1,
                None => {}
            }
        }
        actions
    }

    /// The next bytes for the line; `None`: nothing now, see [`Line::wake_us`].
    pub fn poll(&mut self, now_us: u64) -> Option<Vec<u8>> {
        if self.pace.in_pieces() {
            return self.pace.piece(now_us);
        }
        if now_us < self.earliest_us() {
            return None;
        }
        let bytes = match self.greeting.due(now_us) {
            Some((kind, echo)) => self.greet(kind, echo),
            None => self.traffic(now_us)?,
        };
        if !self.pace.in_pieces() {
            self.pace.occupy(bytes.len(), now_us);
        }
        Some(bytes)
    }

    /// When `poll` may have bytes that no further event brings.
    pub fn wake_us(&self) -> Option<u64> {
        if self.pace.in_pieces() {
            return Some(self.pace.free_us());
        }
        let open = self.is_open();
        let at = if open && (self.ack_due || self.sender.ready()) {
            Some(0)
        } else {
            let sender = if open { self.sender.wake_us() } else { None };
            self.greeting.wake_us().into_iter().chain(sender).min()
        };
        at.map(|at| at.max(self.earliest_us()))
    }

    fn earliest_us(&self) -> u64 {
        self.pace.earliest_us(if self.sender.one_at_a_time() {
            Wait::Silent
        } else if self.sender.rate.small() {
            Wait::Gap
        } else {
            Wait::Ahead
        })
    }

    fn greet(&mut self, kind: Kind, echo: u32) -> Vec<u8> {
        let payload = [self.greeting.epoch().to_le_bytes(), echo.to_le_bytes()].concat();
        let pdu = Pdu {
            kind,
            payload,
            ..Pdu::ack(0, 0, self.receiver.credit())
        };
        self.encode(pdu, Epochs::ZERO, None)
            .map(|wire| wire.bytes)
            .unwrap_or_default()
    }

    fn epochs(&self) -> Epochs {
        Epochs {
            sender: self.greeting.epoch(),
            receiver: self.greeting.peer().unwrap_or(0),
        }
    }

    /// Encodes; where no mask will do, a lower credit makes other bytes.
    fn encode(&mut self, mut pdu: Pdu, epochs: Epochs, not_mask: Option<u8>) -> Option<Wire> {
        loop {
            if let Some(wire) = pdu.encode(epochs, self.mask.wrapping_add(1), not_mask) {
                self.mask = wire.mask;
                return Some(wire);
            }
            pdu.credit = pdu.credit.checked_sub(1)?;
        }
    }

    fn traffic(&mut self, now_us: u64) -> Option<Vec<u8>> {
        if !self.is_open() {
            return None;
        }
        self.sender.expire(now_us);
        if let Some(index) = self.sender.next(now_us) {
            return self.transmit(index, now_us);
        }
        if !core::mem::take(&mut self.ack_due) {
            return None;
        }
        let pdu = Pdu::ack(self.receiver.ack(), self.receiver.sack(), self.receiver.credit());
        self.encode(pdu, self.epochs(), None).map(|wire| wire.bytes)
    }

    fn transmit(&mut self, index: usize, now_us: u64) -> Option<Vec<u8>> {
        let (sends, wire) = loop {
            let flight = self.sender.flight(index)?;
            let (sends, not_mask) = (flight.sends, flight.mask);
            let pdu = Pdu {
                kind: Kind::Data,
                first: flight.first,
                last: flight.last,
                channel: flight.channel,
                seq: flight.seq,
                ack: self.receiver.ack(),
                sack: self.receiver.sack(),
                credit: self.receiver.credit(),
                payload: flight.payload.clone(),
            };
            let from = self.mask.wrapping_add(1);
            if let Some(wire) = pdu.encode(self.epochs(), from, not_mask) {
                self.mask = wire.mask;
                break (sends, wire);
            }
            if !self.sender.halve(index) {
                break (sends, self.encode(pdu, self.epochs(), not_mask)?);
            }
        };
        self.ack_due = false;
        self.counts.sent_pdus += 1;
        self.counts.repeated_pdus += u64::from(sends > 0);
        let Wire { mask, mut bytes } = wire;
        let length = bytes.len();
        let mut done_us = self.pace.done_us(length, now_us);
        let careful = sends.checked_sub(CAREFUL_AFTER).filter(|_| length > BURST_BYTES);
        if let Some(failures) = careful {
            self.sender.rate.stuck();
            done_us += self.pace.cut(&mut bytes, failures, now_us);
        }
        self.sender.sent(index, mask, length, careful.is_some(), done_us);
        Some(bytes)
    }

    /// Takes a segment of a PDU's form; false where its sum holds for nobody here.
    fn pdu(&mut self, unmasked: &Unmasked, now_us: u64, actions: &mut Vec<LineAction>) -> bool {
        if self.broken {
            return true;
        }
        if unmasked.greets() {
            let Some(pdu) = unmasked.open(Epochs::ZERO).filter(|pdu| pdu.payload.len() == 8) else {
                return false;
            };
            self.counts.received_pdus += 1;
            self.greeted(&pdu, actions);
            return true;
        }
        let from = |sender: Option<u32>| {
            let epochs = Epochs {
                sender: sender?,
                receiver: self.greeting.epoch(),
            };
            unmasked.open(epochs).map(|pdu| (epochs.sender, pdu))
        };
        let heard = from(self.greeting.peer()).or_else(|| from(self.greeting.candidate()));
        let Some((sender, pdu)) = heard else {
            self.greeting.stranger(now_us);
            return false;
        };
        self.counts.received_pdus += 1;
        self.greeting.heard(now_us);
        if self.greeting.peer() != Some(sender) {
            self.join(sender, pdu.credit, actions);
        }
        self.sender.acknowledged(&pdu, now_us);
        if pdu.kind == Kind::Data {
            self.ack_due = true;
            let mut frames = Vec::new();
            let taken = self.receiver.take(pdu, &mut frames);
            actions.extend(
                frames
                    .into_iter()
                    .map(|(channel, frame)| LineAction::Frame(channel, frame)),
            );
            if let Err(error) = taken {
                self.broken = true;
                actions.push(LineAction::Broken(error));
            }
        }
        true
    }

    fn greeted(&mut self, pdu: &Pdu, actions: &mut Vec<LineAction>) {
        match self.greeting.greeted(pdu) {
            Greeted::Join(theirs) => self.join(theirs, pdu.credit, actions),
            // Also where we were open already: our acknowledgement was lost.
            Greeted::Again => self.ack_due = true,
            Greeted::Nothing => {}
        }
    }

    fn join(&mut self, theirs: u32, credit: u8, actions: &mut Vec<LineAction>) {
        let again = self.greeting.join(theirs);
        self.sender = Sender::new(fresh_rate(self.bytes_per_s), credit, self.greeting.epoch());
        self.receiver = Receiver::new(self.room_units);
        self.pace.drop_pieces();
        self.ack_due = true;
        actions.push(LineAction::Open { again });
    }
}

fn fresh_rate(bytes_per_s: Option<u64>) -> Rate {
    let bound = bytes_per_s.map_or(MAX_PAYLOAD_BYTES as u64, |rate| rate * LONGEST_PDU_US / 1_000_000);
    Rate::new(bound.clamp(SMALL_PAYLOAD_BYTES as u64 / 2, MAX_PAYLOAD_BYTES as u64) as usize)
}
