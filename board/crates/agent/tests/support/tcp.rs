//! A host's end of a TCP connection, plain or secured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use link::message::hello::StreamPosition;
use link::secure::{self, HANDSHAKE_BYTES, Initiator, Key, Secured, TAG_BYTES};
use link::uart::pdu::Channel;
use link::{Deframer, Frame};

use super::peer::{Peer, Wire};

pub struct Tcp {
    pub stream: TcpStream,
    deframer: Deframer,
    input: Vec<u8>,
    secured: Option<Secured>,
}

impl Wire for Tcp {
    const CAPABILITIES: &'static [&'static str] = &[];

    fn send(&mut self, frame: &Frame) {
        let mut bytes = (frame.bytes().len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(frame.bytes());
        let Some(secured) = &mut self.secured else {
            return self.stream.write_all(&bytes).unwrap();
        };
        for piece in bytes.chunks(60_000) {
            let mut record = ((piece.len() + TAG_BYTES) as u32).to_le_bytes().to_vec();
            secured.sealer.seal(Channel::Control, piece, &mut record).unwrap();
            self.stream.write_all(&record).unwrap();
        }
    }

    fn receive(&mut self) -> Option<Frame> {
        loop {
            let mut input = self.input.as_slice();
            let frame = self.deframer.feed(&mut input).unwrap();
            self.input = input.to_vec();
            if frame.is_some() {
                return frame;
            }
            if let Some(secured) = &mut self.secured {
                let mut length = [0; 4];
                self.stream.read_exact(&mut length).ok()?;
                let mut record = vec![0; u32::from_le_bytes(length) as usize];
                self.stream.read_exact(&mut record).ok()?;
                secured.opener.open(Channel::Control, &record, &mut self.input).unwrap();
                continue;
            }
            let mut buffer = vec![0; 64 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(got) => self.input.extend_from_slice(&buffer[..got]),
            }
        }
    }
}

impl Tcp {
    /// Writes the length and half of a frame.
    pub fn send_half(&mut self, frame: &Frame) {
        let bytes = frame.bytes();
        let mut wire = (bytes.len() as u32).to_le_bytes().to_vec();
        wire.extend_from_slice(&bytes[..bytes.len() / 2]);
        self.stream.write_all(&wire).unwrap();
    }

    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            deframer: Deframer::new(1 << 20),
            input: Vec::new(),
            secured: None,
        }
    }
}

impl Peer<Tcp> {
    /// A peer that has said nothing.
    pub fn raw(address: SocketAddr) -> Self {
        Self::over(Tcp::connect(address))
    }

    pub fn open(address: SocketAddr, token: Option<[u8; 16]>, streams: &[StreamPosition]) -> Self {
        let mut peer = Self::raw(address);
        peer.greet(token, streams);
        peer
    }

    /// A peer that shows a key; `None` where the agent closed the connection instead.
    pub fn with_key(address: SocketAddr, key: &Key) -> Option<Self> {
        let mut peer = Self::raw(address);
        let (initiator, first) = Initiator::begin(key).unwrap();
        let mut bytes = secure::preface(secure::key_id(key)).to_vec();
        bytes.extend_from_slice(&(first.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&first);
        peer.wire.stream.write_all(&bytes).unwrap();
        let mut answer = [0; 4 + HANDSHAKE_BYTES];
        peer.wire.stream.read_exact(&mut answer).ok()?;
        peer.wire.secured = Some(initiator.finish(&answer[4..]).unwrap());
        peer.greet(None, &[]);
        Some(peer)
    }
}
