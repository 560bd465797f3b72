//! One TCP connection: a reader that cuts and opens what comes; what goes out is `tcp_writer`'s. Knows bytes, records and frames.
//!
//! A connection whose first bytes are a preface is a secured one; where keys are set, no other is served.

use std::io::{self, Read, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpStream};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use link::limits::MAX_FRAME_BYTES;
use link::secure::{self, HANDSHAKE_BYTES, MAX_RECORD_BYTES, Opener, PREFACE_BYTES, TAG_BYTES};
use link::uart::pdu::Channel;
use link::{Deframer, ErrorCode};

use crate::access::Rights;
use crate::agent::Agent;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::outbox::Outbox;
use crate::peer::{End, Peer};
use crate::tcp_writer::{SharedSealer, Writer};

/// A peer that takes nothing for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// Runs a connection on two new threads.
pub fn serve(agent: Arc<Agent>, stream: TcpStream) -> io::Result<Arc<Connection>> {
    // Optional: a system without the option is slower, not wrong.
    let _ = stream.set_nodelay(true);
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let (to_close, to_write) = (stream.try_clone()?, stream.try_clone()?);
    // A socket that is closed already cannot be closed again.
    let hang_up = move || drop(to_close.shutdown(Shutdown::Both));
    let sealer = SharedSealer::default();
    let writer = Writer::new(to_write, Arc::clone(&sealer));
    let outbox = Arc::new(Outbox::new(Box::new(hang_up), writer.at_once()?));
    let connection = Connection::new(Arc::clone(&outbox), agent.now_ms(), "tcp");
    std::thread::Builder::new().name("writer".into()).spawn(move || {
        // An error means that the peer is gone; the reader sees it as well.
        let _ = writer.run(&outbox);
        outbox.close();
    })?;
    let reader = Reader {
        agent,
        connection: Arc::clone(&connection),
        stream,
        sealer,
    };
    std::thread::Builder::new()
        .name("reader".into())
        .spawn(move || reader.run())?;
    Ok(connection)
}

struct Reader {
    agent: Arc<Agent>,
    connection: Arc<Connection>,
    stream: TcpStream,
    sealer: SharedSealer,
}

fn lost(error: &io::Error) -> End {
    End::Lost(error.to_string())
}

impl Reader {
    fn run(mut self) {
        let connection = Arc::clone(&self.connection);
        let peer = |agent: &Arc<Agent>, rights| Peer::new(Arc::clone(agent), Arc::clone(&connection), false, rights);
        let (peer, end) = match self.open() {
            Ok((opener, first, rights)) => {
                let mut peer = peer(&self.agent, rights);
                let end = match opener {
                    Some(opener) => self.read_records(&mut peer, opener),
                    None => self.read_plain(&mut peer, first),
                };
                (peer, end)
            }
            Err(end) => (peer(&self.agent, Rights::ReadOnly), end),
        };
        peer.end(end);
    }

    /// Reads as far as it takes to know who is there: the opener of a secured connection, or a plain one's first bytes.
    fn open(&mut self) -> Result<(Option<Opener>, [u8; 4], Rights), End> {
        let mut first = [0; 4];
        self.stream.read_exact(&mut first).map_err(|error| lost(&error))?;
        let keys = &self.agent.keys;
        if !secure::is_preface(first) {
            if keys.is_empty() {
                return Ok((None, first, Rights::Full));
            }
            let cause = "this board serves only who shows its key";
            return Err(End::Refused(Failure::new(ErrorCode::Denied, cause).remedy(
                "Give the key that the board's owner has: ?key=NAME at the end of the address.",
            )));
        }
        // A socket without a peer's address has been closed.
        let from = self
            .stream
            .peer_addr()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
        if !self.agent.door_admits(from) {
            return Err(End::Lost(format!("too many failed handshakes from {from}")));
        }
        let mut hello = [0; PREFACE_BYTES - 4 + 4 + HANDSHAKE_BYTES];
        self.stream.read_exact(&mut hello).map_err(|error| lost(&error))?;
        let (id, rest) = hello.split_at(PREFACE_BYTES - 4);
        let (length, message) = rest.split_at(4);
        let key = keys.find([id[0], id[1], id[2], id[3]]);
        let answered = key
            .filter(|_| length == (HANDSHAKE_BYTES as u32).to_le_bytes())
            .and_then(|(key, rights)| Some((secure::respond(key, message).ok()?, rights)));
        let Some(((secured, answer), rights)) = answered else {
            self.agent.door_failed(from);
            return Err(End::Lost(format!("a handshake from {from} without the key")));
        };
        let mut record = (answer.len() as u32).to_le_bytes().to_vec();
        record.extend_from_slice(&answer);
        self.stream.write_all(&record).map_err(|error| lost(&error))?;
        *self.sealer.lock().unwrap_or_else(PoisonError::into_inner) = Some(secured.sealer);
        self.connection.counts().secured = true;
        Ok((Some(secured.opener), first, rights))
    }

    fn read_plain(&mut self, peer: &mut Peer, first: [u8; 4]) -> End {
        let mut deframer = Deframer::new(MAX_FRAME_BYTES);
        if let Err(end) = take(peer, &mut deframer, &first) {
            return end;
        }
        let mut buffer = vec![0u8; READ_BYTES];
        loop {
            // The rest of a long frame goes straight to where it stays.
            if let Some(frame) = deframer.underway(READ_BYTES) {
                match rustix::io::read(&self.stream, rustix::buffer::spare_capacity(frame)) {
                    Ok(0) => return End::Lost("closed by the peer within a frame".into()),
                    Ok(_) => {}
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(error) => return lost(&error.into()),
                }
                if let Err(end) = take(peer, &mut deframer, &[]) {
                    return end;
                }
                continue;
            }
            let got = match self.stream.read(&mut buffer) {
                Ok(0) if deframer.at_border() => return End::Lost("closed by the peer".into()),
                Ok(0) => return End::Lost("closed by the peer within a frame".into()),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return lost(&error),
            };
            if let Err(end) = take(peer, &mut deframer, &buffer[..got]) {
                return end;
            }
        }
    }

    fn read_records(&mut self, peer: &mut Peer, mut opener: Opener) -> End {
        let mut deframer = Deframer::new(MAX_FRAME_BYTES);
        let (mut record, mut plain) = (Vec::new(), Vec::new());
        loop {
            let mut length = [0; 4];
            if let Err(error) = self.stream.read_exact(&mut length) {
                return lost(&error);
            }
            let length = u32::from_le_bytes(length) as usize;
            if !(TAG_BYTES..=MAX_RECORD_BYTES).contains(&length) {
                return End::Lost(format!("a record of {length} bytes"));
            }
            record.resize(length, 0);
            if let Err(error) = self.stream.read_exact(&mut record) {
                return lost(&error);
            }
            plain.clear();
            if let Err(error) = opener.open(Channel::Control, &record, &mut plain) {
                return End::Lost(error.to_string());
            }
            if let Err(end) = take(peer, &mut deframer, &plain) {
                return end;
            }
        }
    }
}

fn take(peer: &mut Peer, deframer: &mut Deframer, mut input: &[u8]) -> Result<(), End> {
    loop {
        match deframer.feed(&mut input) {
            Ok(None) => return Ok(()),
            Ok(Some(frame)) => peer.frame(frame)?,
            Err(error) => return Err(End::Refused(Failure::new(ErrorCode::Corrupt, error.to_string()))),
        }
    }
}
