//! A reliable line over an unreliable one: opens a connection with fresh epochs, repeats what was lost, hands frames on in
//! order, each once.
//!
//! A pure state machine: bytes and time go in, actions and bytes come out. Surprising: it paces itself to the line's rate,
//! so that a frame that is urgent waits for one PDU at most and not for what a driver has queued.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::pdu::{Channel, Epochs, Kind, MAX_PAYLOAD_BYTES, Pdu, Unmasked, Wire};
use super::rate::{Rate, SMALL_PAYLOAD_BYTES};
use super::receiver::{LineError, Receiver};
use super::sender::Sender;
use super::split::{Segment, Splitter, text_of, told};

/// Between two SYNs, µs; doubles up to a second.
const SYN_US: u64 = 100_000;
const SYN_MAX_US: u64 = 1_000_000;
/// Between two SYNs that tell a stranger of a reset, µs.
const RESET_SYN_US: u64 = 250_000;
/// Time without a PDU of ours after which one of a stranger is answered by a SYN, µs.
const STRANGE_US: u64 = 1_000_000;
/// How far ahead of the line's pace PDUs are handed out: what a late timer may cost without idling, µs.
const LOOKAHEAD_US: u64 = 4_000;
/// Pause that ends a burst where bursts must stay short, µs.
const GAP_US: u64 = 5_000;
/// Pause between the pieces of a PDU that failed again and again, µs; doubles each further time, for lines slower than said.
const CARE_US: u64 = 20_000;
const CARE_MAX_US: u64 = 640_000;
/// Pause between bursts on a line that answers nothing, µs: it may be slower than said, and nothing is urgent there.
const SILENT_GAP_US: u64 = 100_000;
/// Losses after which a PDU goes out in pieces.
const CAREFUL_AFTER: u32 = 3;
/// Bytes on the wire in one burst where they must stay short.
const BURST_BYTES: usize = 256;
/// Bytes of a piece.
const PIECE_BYTES: usize = 240;
/// A PDU should not hold a slow line for longer than this, µs.
const LONGEST_PDU_US: u64 = 100_000;
/// Units of 256 bytes this side takes unless told otherwise.
pub const ROOM_UNITS: u8 = 64;

/// Which end of the line this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Opens.
    Host,
    /// Waits to be opened.
    Board,
}

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
    role: Role,
    epoch: u32,
    bytes_per_s: Option<u64>,
    splitter: Splitter,
    sender: Sender,
    receiver: Receiver,
    room_units: u8,
    peer: Option<u32>,
    /// Peers that were left, so that bytes which come late do not bring one back; and 0.
    left: [u32; 5],
    /// A peer that greeted but has not shown yet that it is no echo of the past.
    candidate: Option<u32>,
    syn_at_us: Option<u64>,
    syn_wait_us: u64,
    reset_syn_us: Option<u64>,
    /// When a PDU of this connection came last.
    heard_us: Option<u64>,
    answer_syn: Option<u32>,
    ack_due: bool,
    /// When the line has carried everything handed out.
    free_us: u64,
    burst_bytes: usize,
    mask: u8,
    /// The rest of a PDU that goes out in pieces.
    pieces: VecDeque<Vec<u8>>,
    piece_pause_us: u64,
    broken: bool,
    counts: LineCounts,
}

impl Line {
    /// An end with a random epoch; `bytes_per_s` is what the line carries, where that is known (baud / 10).
    pub fn new(role: Role, epoch: u32, bytes_per_s: Option<u64>) -> Self {
        let bytes_per_s = bytes_per_s.filter(|&rate| rate > 0);
        Self {
            role,
            epoch: epoch.max(1),
            bytes_per_s,
            splitter: Splitter::default(),
            sender: Sender::new(fresh_rate(bytes_per_s), 0, epoch),
            receiver: Receiver::new(ROOM_UNITS),
            room_units: ROOM_UNITS,
            peer: None,
            left: [0; 5],
            candidate: None,
            syn_at_us: None,
            syn_wait_us: SYN_US,
            reset_syn_us: None,
            heard_us: None,
            answer_syn: None,
            ack_due: false,
            free_us: 0,
            burst_bytes: 0,
            mask: 0,
            pieces: VecDeque::new(),
            piece_pause_us: CARE_US,
            broken: false,
            counts: LineCounts::default(),
        }
    }

    /// Begins: a host greets until it is answered, a board once, so that a host that knew it before notices.
    pub fn start(&mut self, now_us: u64) {
        self.syn_at_us = Some(now_us);
        self.syn_wait_us = SYN_US;
    }

    /// Forgets the peer and everything under way, and takes a new random epoch.
    pub fn reset(&mut self, epoch: u32) {
        let fresh = Self::new(self.role, epoch, self.bytes_per_s);
        let before = core::mem::replace(self, fresh);
        (self.mask, self.free_us, self.counts) = (before.mask, before.free_us, before.counts);
        self.splitter = before.splitter;
        // A piece without its rest would spoil the next PDU's beginning: no more than that PDU's repeat is lost.
        self.pieces.clear();
    }

    /// True once the peer has answered.
    pub fn is_open(&self) -> bool {
        self.peer.is_some() && !self.broken
    }

    /// True where everything queued has arrived and everything received is acknowledged.
    pub fn idle(&self) -> bool {
        self.sender.idle() && !self.ack_due && self.pieces.is_empty()
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
            self.ack_due |= self.peer.is_some();
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
        if let Some(front) = self.pieces.front() {
            if now_us < self.free_us {
                return None;
            }
            let (length, last) = (front.len(), self.pieces.len() == 1);
            self.occupy(length, now_us, if last { GAP_US } else { self.piece_pause_us });
            return self.pieces.pop_front();
        }
        if now_us < self.earliest_us() {
            return None;
        }
        let bytes = self.greeting(now_us).or_else(|| self.traffic(now_us))?;
        if self.pieces.is_empty() {
            self.occupy(bytes.len(), now_us, 0);
        }
        Some(bytes)
    }

    /// When `poll` may have bytes that no further event brings.
    pub fn wake_us(&self) -> Option<u64> {
        if !self.pieces.is_empty() {
            return Some(self.free_us);
        }
        let open = self.is_open();
        let at = if self.answer_syn.is_some() || open && (self.ack_due || self.sender.ready()) {
            Some(0)
        } else {
            let sender = if open { self.sender.wake_us() } else { None };
            self.syn_at_us.into_iter().chain(sender).min()
        };
        at.map(|at| at.max(self.earliest_us()))
    }

    fn earliest_us(&self) -> u64 {
        if self.burst_bytes > 0 && self.sender.one_at_a_time() {
            self.free_us.saturating_add(SILENT_GAP_US)
        } else if self.burst_bytes > 0 && self.sender.rate.small() {
            // Short bursts: the next one begins after a pause.
            self.free_us.saturating_add(GAP_US)
        } else {
            self.free_us.saturating_sub(LOOKAHEAD_US)
        }
    }

    fn wire_us(&self, bytes: usize) -> u64 {
        self.bytes_per_s.map_or(0, |rate| bytes as u64 * 1_000_000 / rate)
    }

    fn occupy(&mut self, bytes: usize, now_us: u64, pause_us: u64) {
        self.burst_bytes = bytes;
        self.free_us = self.free_us.max(now_us) + self.wire_us(bytes) + pause_us;
    }

    fn greeting(&mut self, now_us: u64) -> Option<Vec<u8>> {
        if let Some(theirs) = self.answer_syn.take() {
            return Some(self.greet(Kind::SynAck, theirs));
        }
        if self.syn_at_us.is_none_or(|at| now_us < at) {
            return None;
        }
        self.syn_at_us = match self.role {
            Role::Host => Some(now_us + self.syn_wait_us),
            Role::Board => None,
        };
        self.syn_wait_us = (2 * self.syn_wait_us).min(SYN_MAX_US);
        Some(self.greet(Kind::Syn, 0))
    }

    fn greet(&mut self, kind: Kind, echo: u32) -> Vec<u8> {
        let payload = [self.epoch.to_le_bytes(), echo.to_le_bytes()].concat();
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
            sender: self.epoch,
            receiver: self.peer.unwrap_or(0),
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
        let mut done_us = self.free_us.max(now_us) + self.wire_us(wire.bytes.len());
        let Wire { mask, mut bytes } = wire;
        let length = bytes.len();
        if sends >= CAREFUL_AFTER && length > BURST_BYTES {
            self.sender.rate.stuck();
            self.pieces = bytes
                .split_off(PIECE_BYTES)
                .chunks(PIECE_BYTES)
                .map(<[u8]>::to_vec)
                .collect();
            self.piece_pause_us = (CARE_US << (sends - CAREFUL_AFTER).min(8)).min(CARE_MAX_US);
            done_us += self.pieces.len() as u64 * self.piece_pause_us;
            self.occupy(PIECE_BYTES, now_us, self.piece_pause_us);
        }
        self.sender.sent(index, mask, length, !self.pieces.is_empty(), done_us);
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
                receiver: self.epoch,
            };
            unmasked.open(epochs).map(|pdu| (epochs.sender, pdu))
        };
        let Some((sender, pdu)) = from(self.peer).or_else(|| from(self.candidate)) else {
            self.stranger(now_us);
            return false;
        };
        self.counts.received_pdus += 1;
        self.heard_us = Some(now_us);
        if self.peer != Some(sender) {
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

    /// Somebody speaks in a connection that is not ours: perhaps a host that has not noticed our reset, or both sides hold
    /// on to what the other has left.
    fn stranger(&mut self, now_us: u64) {
        let since = |at: Option<u64>| at.map_or(u64::MAX, |at| now_us.saturating_sub(at));
        let alone = match self.peer {
            None => self.role == Role::Board,
            Some(_) => since(self.heard_us) >= STRANGE_US,
        };
        if alone && since(self.reset_syn_us) >= RESET_SYN_US {
            (self.syn_at_us, self.reset_syn_us) = (Some(now_us), Some(now_us));
        }
    }

    fn greeted(&mut self, pdu: &Pdu, actions: &mut Vec<LineAction>) {
        let word = |at: usize| {
            u32::from_le_bytes([
                pdu.payload[at],
                pdu.payload[at + 1],
                pdu.payload[at + 2],
                pdu.payload[at + 3],
            ])
        };
        let (theirs, echo) = (word(0), word(4));
        if theirs == self.epoch || self.left.contains(&theirs) {
            // Our own greeting come back (a terminal that echoes), nobody's epoch (0 is always left), or one of the past.
            return;
        }
        if pdu.kind == Kind::Syn {
            self.answer_syn = Some(theirs);
            if self.peer != Some(theirs) {
                self.candidate = Some(theirs);
            }
            return;
        }
        if echo != self.epoch {
            return;
        }
        if self.peer.is_none() {
            self.join(theirs, pdu.credit, actions);
        } else if self.peer != Some(theirs) {
            self.candidate = Some(theirs);
        }
        if self.peer == Some(theirs) {
            // Also where we were open already: our acknowledgement was lost.
            (self.ack_due, self.syn_at_us) = (true, None);
        }
    }

    fn join(&mut self, theirs: u32, credit: u8, actions: &mut Vec<LineAction>) {
        let before = self.peer.replace(theirs);
        let again = before.is_some();
        if let Some(before) = before {
            // The last place keeps the 0.
            self.left[..4].rotate_right(1);
            self.left[0] = before;
        }
        self.candidate = self.candidate.filter(|&candidate| candidate != theirs);
        self.syn_at_us = None;
        self.sender = Sender::new(fresh_rate(self.bytes_per_s), credit, self.epoch);
        self.receiver = Receiver::new(self.room_units);
        self.pieces.clear();
        self.ack_due = true;
        actions.push(LineAction::Open { again });
    }
}

fn fresh_rate(bytes_per_s: Option<u64>) -> Rate {
    let bound = bytes_per_s.map_or(MAX_PAYLOAD_BYTES as u64, |rate| rate * LONGEST_PDU_US / 1_000_000);
    Rate::new(bound.clamp(SMALL_PAYLOAD_BYTES as u64 / 2, MAX_PAYLOAD_BYTES as u64) as usize)
}
