//! What goes out of one TCP connection: frames with their length, sealed where there is a key. Knows bytes and records.
//!
//! Long frames and whatever the socket does not take at once are written by a thread; a small one by who has it.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use link::Frame;
use link::secure::{MAX_PLAIN_BYTES, Sealer, TAG_BYTES};
use link::uart::pdu::Channel;
use rustix::net::{SendFlags, send};

use crate::outbox::{AtOnce, Outbox, Outgoing, SendAtOnce};

/// Most bytes of one write: half of the socket's buffer, in these limits. StarryOS's buffer holds 64 KiB.
const WRITE_PIECE_BYTES: std::ops::RangeInclusive<usize> = 32 * 1024..=256 * 1024;
/// Bytes of a frame that are one write together with its length.
const FIRST_BYTES: usize = *WRITE_PIECE_BYTES.start() - 2 * 4 - TAG_BYTES;

/// Set by the reader before anything is sent, where the connection is secured.
pub type SharedSealer = Arc<Mutex<Option<Sealer>>>;

/// The sending half.
pub struct Writer {
    stream: TcpStream,
    piece_bytes: usize,
    sealer: SharedSealer,
}

impl Writer {
    /// The sending half of a connected socket.
    pub fn new(stream: TcpStream, sealer: SharedSealer) -> Self {
        let half = rustix::net::sockopt::socket_send_buffer_size(&stream).map_or(0, |bytes| bytes / 2);
        Self {
            piece_bytes: half.clamp(*WRITE_PIECE_BYTES.start(), *WRITE_PIECE_BYTES.end()),
            stream,
            sealer,
        }
    }

    /// Sends small frames without waiting, between those that the thread writes.
    pub fn at_once(&self) -> io::Result<SendAtOnce> {
        let (stream, sealer) = (self.stream.try_clone()?, Arc::clone(&self.sealer));
        Ok(Box::new(move |frame| {
            let Ok((wire, sealed)) = sealed(&sealer, length_and(frame, frame.bytes())) else {
                return AtOnce::Nothing;
            };
            match send(&stream, &wire, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) if sent == wire.len() => AtOnce::Sent,
                Ok(sent) => AtOnce::Rest(wire[sent..].to_vec()),
                // A sealed record has its number, and is the next one whenever it is sent.
                Err(_) if sealed => AtOnce::Rest(wire.into_owned()),
                // Full, or gone: the writer waits, or finds out.
                Err(_) => AtOnce::Nothing,
            }
        }))
    }

    /// Writes what the outbox has until it is closed.
    pub fn run(mut self, outbox: &Outbox) -> io::Result<()> {
        while let Some(next) = outbox.next() {
            match next {
                Outgoing::Rest(wire) => self.stream.write_all(&wire)?,
                Outgoing::Frame(frame) => self.frame(&frame)?,
            }
        }
        self.stream.flush()
    }

    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let bytes = frame.bytes();
        // The length and what fits beside it are copied, so that a small frame is one write.
        let (first, rest) = bytes.split_at(bytes.len().min(FIRST_BYTES));
        let (wire, secured) = sealed(&self.sealer, length_and(frame, first))?;
        self.stream.write_all(&wire)?;
        let most = if secured { MAX_PLAIN_BYTES } else { usize::MAX };
        for piece in rest.chunks(self.piece_bytes.min(most)) {
            self.stream.write_all(&sealed(&self.sealer, piece)?.0)?;
        }
        Ok(())
    }
}

/// A frame's length and its beginning.
fn length_and(frame: &Frame, first: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(4 + first.len());
    wire.extend_from_slice(&(frame.bytes().len() as u32).to_le_bytes());
    wire.extend_from_slice(first);
    wire
}

/// The bytes as a record, where the connection is secured, and whether it is.
fn sealed<'a>(sealer: &SharedSealer, plain: impl Into<Cow<'a, [u8]>>) -> io::Result<(Cow<'a, [u8]>, bool)> {
    let (mut sealer, plain) = (sealer.lock().unwrap_or_else(PoisonError::into_inner), plain.into());
    let Some(sealer) = sealer.as_mut() else {
        return Ok((plain, false));
    };
    let mut record = Vec::with_capacity(4 + plain.len() + TAG_BYTES);
    record.extend_from_slice(&((plain.len() + TAG_BYTES) as u32).to_le_bytes());
    sealer
        .seal(Channel::Control, &plain, &mut record)
        .map_err(io::Error::other)?;
    Ok((record.into(), true))
}
