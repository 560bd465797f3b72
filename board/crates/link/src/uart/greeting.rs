//! Who speaks with whom: each side's epoch, the SYN that offers it, and what to make of greetings and strangers.
//!
//! A pure state machine. Surprising: a peer that greets is only a candidate until it says something under both epochs, so
//! that bytes which come late do not bring an old one back.

use super::pdu::{Kind, Pdu};

/// Between two SYNs, µs; doubles up to a second.
const SYN_US: u64 = 100_000;
const SYN_MAX_US: u64 = 1_000_000;
/// Between two SYNs that tell a stranger of a reset, µs.
const RESET_SYN_US: u64 = 250_000;
/// Time without a PDU of ours after which one of a stranger is answered by a SYN, µs.
const STRANGE_US: u64 = 1_000_000;

/// Which end of the line this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Opens.
    Host,
    /// Waits to be opened.
    Board,
}

/// What a greeting brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeted {
    /// Nothing yet.
    Nothing,
    /// The connection with this epoch begins.
    Join(u32),
    /// The peer we have has not heard our acknowledgement.
    Again,
}

/// Epochs and greetings of one end.
#[derive(Debug)]
pub(super) struct Greeting {
    role: Role,
    epoch: u32,
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
}

impl Greeting {
    /// An end with a random epoch that has not begun.
    pub fn new(role: Role, epoch: u32) -> Self {
        Self {
            role,
            epoch: epoch.max(1),
            peer: None,
            left: [0; 5],
            candidate: None,
            syn_at_us: None,
            syn_wait_us: SYN_US,
            reset_syn_us: None,
            heard_us: None,
            answer_syn: None,
        }
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Epoch of the peer we are connected with.
    pub fn peer(&self) -> Option<u32> {
        self.peer
    }

    /// Epoch of a peer that may become it.
    pub fn candidate(&self) -> Option<u32> {
        self.candidate
    }

    /// Begins to greet.
    pub fn start(&mut self, now_us: u64) {
        self.syn_at_us = Some(now_us);
        self.syn_wait_us = SYN_US;
    }

    /// The greeting that is due now, and the epoch it echoes.
    pub fn due(&mut self, now_us: u64) -> Option<(Kind, u32)> {
        if let Some(theirs) = self.answer_syn.take() {
            return Some((Kind::SynAck, theirs));
        }
        if self.syn_at_us.is_none_or(|at| now_us < at) {
            return None;
        }
        self.syn_at_us = match self.role {
            Role::Host => Some(now_us + self.syn_wait_us),
            Role::Board => None,
        };
        self.syn_wait_us = (2 * self.syn_wait_us).min(SYN_MAX_US);
        Some((Kind::Syn, 0))
    }

    /// When one is due that no further event brings.
    pub fn wake_us(&self) -> Option<u64> {
        self.answer_syn.map(|_| 0).or(self.syn_at_us)
    }

    /// A PDU of this connection came.
    pub fn heard(&mut self, now_us: u64) {
        self.heard_us = Some(now_us);
    }

    /// Somebody speaks in a connection that is not ours: perhaps a host that has not noticed our reset, or both sides hold
    /// on to what the other has left.
    pub fn stranger(&mut self, now_us: u64) {
        let since = |at: Option<u64>| at.map_or(u64::MAX, |at| now_us.saturating_sub(at));
        let alone = match self.peer {
            None => self.role == Role::Board,
            Some(_) => since(self.heard_us) >= STRANGE_US,
        };
        if alone && since(self.reset_syn_us) >= RESET_SYN_US {
            (self.syn_at_us, self.reset_syn_us) = (Some(now_us), Some(now_us));
        }
    }

    /// Takes a SYN or a SYN-ACK, whose payload has eight bytes.
    pub fn greeted(&mut self, pdu: &Pdu) -> Greeted {
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
            return Greeted::Nothing;
        }
        if pdu.kind == Kind::Syn {
            self.answer_syn = Some(theirs);
            if self.peer != Some(theirs) {
                self.candidate = Some(theirs);
            }
            return Greeted::Nothing;
        }
        if echo != self.epoch {
            return Greeted::Nothing;
        }
        match self.peer {
            None => Greeted::Join(theirs),
            Some(peer) if peer == theirs => {
                self.syn_at_us = None;
                Greeted::Again
            }
            Some(_) => {
                self.candidate = Some(theirs);
                Greeted::Nothing
            }
        }
    }

    /// The connection with an epoch begins; true where there was another one before.
    pub fn join(&mut self, theirs: u32) -> bool {
        let before = self.peer.replace(theirs);
        if let Some(before) = before {
            // The last place keeps the 0.
            self.left[..4].rotate_right(1);
            self.left[0] = before;
        }
        self.candidate = self.candidate.filter(|&candidate| candidate != theirs);
        self.syn_at_us = None;
        before.is_some()
    }
}
