//! The unit of the serial line, as `link.cddl` lays it out: ctl, sequence, acknowledgement, credit, payload, CRC-32.
//!
//! Knows bytes; refuses to know when anything is sent. Surprising: the sum covers the two epochs, which are not sent, so a
//! PDU of another connection fails its sum.

use alloc::vec::Vec;

use super::crc::Crc32;
use super::{cobs, mask};

/// Largest payload.
pub const MAX_PAYLOAD_BYTES: usize = 1024;
/// Bytes before the payload: ctl, seq, ack, sack, credit.
const HEAD_BYTES: usize = 10;
const SUM_BYTES: usize = 4;
/// Bytes on the wire besides the payload: mask, head, sum, one COBS code, two delimiters.
pub const OVERHEAD_BYTES: usize = 1 + HEAD_BYTES + SUM_BYTES + 1 + 2;
/// Largest segment between two delimiters.
pub const MAX_SEGMENT_BYTES: usize = cobs::bound(1 + HEAD_BYTES + MAX_PAYLOAD_BYTES + SUM_BYTES);

/// What a PDU is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A frame or a part of one; the only kind with a sequence number.
    Data = 0,
    /// Acknowledgement and credit.
    Ack = 1,
    /// Opens: payload own epoch u32, 0 u32.
    Syn = 2,
    /// Answers a SYN: payload own epoch u32, the epoch it answers u32.
    SynAck = 3,
}

/// Which frame a payload belongs to; each channel is put together by itself, all share one sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Channel {
    /// Goes first.
    #[default]
    Control = 0,
    /// Frames with a body.
    Bulk = 1,
}

/// A PDU in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// What it is for.
    pub kind: Kind,
    /// The payload begins a frame.
    pub first: bool,
    /// The payload ends it.
    pub last: bool,
    /// Whose frame.
    pub channel: Channel,
    /// Sequence number of data, else 0.
    pub seq: u16,
    /// The next sequence number its sender expects.
    pub ack: u16,
    /// Bit i: its sender has ack + 1 + i.
    pub sack: u32,
    /// What its sender takes beyond `ack`, in units of 256 payload bytes.
    pub credit: u8,
    /// At most [`MAX_PAYLOAD_BYTES`].
    pub payload: Vec<u8>,
}

/// The random numbers the two sides drew for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epochs {
    /// Of the PDU's sender.
    pub sender: u32,
    /// Of its receiver.
    pub receiver: u32,
}

impl Epochs {
    /// What SYN and SYN-ACK are summed with.
    pub const ZERO: Self = Self { sender: 0, receiver: 0 };
}

/// A PDU on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Its mask.
    pub mask: u8,
    /// All bytes, both delimiters included.
    pub bytes: Vec<u8>,
}

/// Credit units a payload costs.
pub const fn units(payload_bytes: usize) -> u32 {
    let units = payload_bytes.div_ceil(256) as u32;
    if units == 0 { 1 } else { units }
}

fn sum(bytes: &[u8], epochs: Epochs) -> u32 {
    Crc32::default()
        .update(&epochs.sender.to_le_bytes())
        .update(&epochs.receiver.to_le_bytes())
        .update(bytes)
        .value()
}

impl Pdu {
    /// A PDU without payload that only acknowledges.
    pub fn ack(ack: u16, sack: u32, credit: u8) -> Self {
        let (kind, channel) = (Kind::Ack, Channel::Control);
        Self {
            kind,
            first: false,
            last: false,
            channel,
            seq: 0,
            ack,
            sack,
            credit,
            payload: Vec::new(),
        }
    }

    /// Encodes; `None` where no mask will do: split the payload, or change the credit by one.
    pub fn encode(&self, epochs: Epochs, from_mask: u8, not_mask: Option<u8>) -> Option<Wire> {
        let mut plain = Vec::with_capacity(HEAD_BYTES + self.payload.len() + SUM_BYTES);
        let flags = u8::from(self.first) << 4 | u8::from(self.last) << 5 | (self.channel as u8) << 6;
        plain.push(self.kind as u8 | flags);
        plain.extend_from_slice(&self.seq.to_le_bytes());
        plain.extend_from_slice(&self.ack.to_le_bytes());
        plain.extend_from_slice(&self.sack.to_le_bytes());
        plain.push(self.credit);
        plain.extend_from_slice(&self.payload);
        let sum = sum(&plain, epochs);
        plain.extend_from_slice(&sum.to_le_bytes());
        let masked = mask::encode(&plain, from_mask, not_mask)?;
        let mut bytes = Vec::with_capacity(masked.encoded.len() + 2);
        bytes.push(0);
        bytes.extend_from_slice(&masked.encoded);
        bytes.push(0);
        Some(Wire {
            mask: masked.mask,
            bytes,
        })
    }
}

/// A segment that has the form of a PDU; whose it is, only its sum can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmasked {
    /// The mask it came with.
    pub mask: u8,
    plain: Vec<u8>,
}

impl Unmasked {
    /// Takes the bytes between two delimiters apart; `None` where they are no PDU whatever the epochs.
    pub fn decode(segment: &[u8]) -> Option<Self> {
        if segment.len() > MAX_SEGMENT_BYTES {
            return None;
        }
        let mut plain = Vec::with_capacity(segment.len());
        if !cobs::decode(segment, &mut plain) {
            return None;
        }
        let allowed = 1 + HEAD_BYTES + SUM_BYTES..=1 + HEAD_BYTES + MAX_PAYLOAD_BYTES + SUM_BYTES;
        if !allowed.contains(&plain.len()) {
            return None;
        }
        let mask = plain.remove(0);
        plain.iter_mut().for_each(|byte| *byte ^= mask);
        (plain[0] & 0x8f <= Kind::SynAck as u8).then_some(Self { mask, plain })
    }

    /// The PDU, where its sum holds under these epochs.
    pub fn open(&self, epochs: Epochs) -> Option<Pdu> {
        let (summed, tail) = self.plain.split_at(self.plain.len() - SUM_BYTES);
        if sum(summed, epochs).to_le_bytes() != tail {
            return None;
        }
        let kind = match summed[0] & 0x0f {
            0 => Kind::Data,
            1 => Kind::Ack,
            2 => Kind::Syn,
            _ => Kind::SynAck,
        };
        let word = |at: usize| u16::from_le_bytes([summed[at], summed[at + 1]]);
        Some(Pdu {
            kind,
            first: summed[0] & 0x10 != 0,
            last: summed[0] & 0x20 != 0,
            channel: if summed[0] & 0x40 == 0 {
                Channel::Control
            } else {
                Channel::Bulk
            },
            seq: word(1),
            ack: word(3),
            sack: u32::from_le_bytes([summed[5], summed[6], summed[7], summed[8]]),
            credit: summed[9],
            payload: summed[HEAD_BYTES..].to_vec(),
        })
    }

    /// True for SYN and SYN-ACK, which are summed with zero epochs.
    pub fn greets(&self) -> bool {
        self.plain[0] & 0x0f >= Kind::Syn as u8
    }
}
