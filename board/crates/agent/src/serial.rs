//! A serial port as a listener: one thread reads, writes and keeps the line's time; one peer at a time.
//!
//! Obeys starryos.md §2.3: raw termios with VMIN 1 and VTIME 0, non-blocking reads and a poll with a timeout, no call that a
//! tty there lacks, the boot loader's speed unless told otherwise, nothing written beyond what the tty takes.
//! Surprising: the port may be a console too. What is no frame is text of somebody else, and the agent greets in text.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use link::deflate::deflate;
use link::secure::{self, HANDSHAKE_BYTES, MAX_PLAIN_BYTES, Opener, PREFACE_BYTES, Sealer};
use link::uart::line::{Line, LineAction, ROOM_UNITS, Role};
use link::uart::pdu::Channel;
use link::{ErrorCode, Frame};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{self, OptionalActions, SpecialCodeIndex, Termios};

use crate::access::Rights;
use crate::agent::Agent;
use crate::failure::Failure;
use crate::log::Level;
use crate::outbox::Outbox;
use crate::peer::{Connection, End, Peer, now_ms};

/// Bits of a byte on an 8N1 line.
const BITS_PER_BYTE: u64 = 10;
/// Bytes taken off the tty at a time.
const READ_BYTES: usize = 64 * 1024;
/// Bytes of bulk the line may hold beside the frame under way.
const QUEUED_BULK_BYTES: usize = 16 * 1024;
/// Longest sleep of the thread, µs: how long a port that went away stays unnoticed.
const LONGEST_SLEEP_US: u64 = 1_000_000;
/// Time for the last frames of a connection, µs.
const FAREWELL_US: u64 = 2_000_000;
/// Failures that are let pass before a key must be shown more slowly are counted by this address.
const NOBODY: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// Which port, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialOptions {
    /// The device.
    pub path: PathBuf,
    /// Bits per second the line runs at; `None`: as the tty is set.
    pub baud: Option<u32>,
    /// Leave the tty's speed as the boot loader set it.
    pub keep_speed: bool,
    /// Serve without a key although keys are set: who holds the cable may.
    pub without_key: bool,
}

/// An open port.
pub struct SerialPort {
    fd: OwnedFd,
    options: SerialOptions,
    bytes_per_s: Option<u64>,
}

/// Opens a port and makes it raw. What a tty lacks (locks, a speed) is no error.
pub fn open(options: SerialOptions) -> io::Result<SerialPort> {
    let fd = open_fd(&options.path)?;
    let bytes_per_s = make_raw(&fd, &options)?;
    Ok(SerialPort {
        fd,
        options,
        bytes_per_s,
    })
}

fn open_fd(path: &Path) -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits() as i32)
        .open(path)?;
    let fd = OwnedFd::from(file);
    // Whoever else keeps to locks stays out; a tty without locks has to do without.
    match rustix::fs::flock(&fd, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another program has locked the port",
        )),
        _ => Ok(fd),
    }
}

/// What raw means here.
fn raw(mut termios: Termios) -> Termios {
    termios.make_raw();
    // VTIME above 0 on a UART reaches a `todo!()` of StarryOS's kernel.
    termios.special_codes[SpecialCodeIndex::VMIN] = 1;
    termios.special_codes[SpecialCodeIndex::VTIME] = 0;
    termios
}

fn make_raw(fd: &OwnedFd, options: &SerialOptions) -> io::Result<Option<u64>> {
    let mut wanted = raw(termios::tcgetattr(fd)?);
    if let Some(baud) = options
        .baud
        .filter(|&baud| !options.keep_speed && wanted.output_speed() != baud)
    {
        // A tty that has no speeds runs as it does.
        let _ = wanted.set_speed(baud);
    }
    termios::tcsetattr(fd, OptionalActions::Now, &wanted)?;
    let baud = options.baud.unwrap_or_else(|| wanted.output_speed());
    Ok((baud > 0).then_some(u64::from(baud) / BITS_PER_BYTE))
}

/// What others may do to the thread of a port.
pub struct SerialServer {
    stopping: AtomicBool,
    connection: Mutex<Option<Arc<Connection>>>,
    wake: Arc<OwnedFd>,
}

impl SerialServer {
    /// Starts serving a port; `greeting` is the hello line that a person or `npulab doctor` reads on it.
    pub fn start(
        agent: Arc<Agent>,
        port: SerialPort,
        greeting: &str,
    ) -> io::Result<(Arc<Self>, std::thread::JoinHandle<()>)> {
        let (woken, wake) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK | rustix::pipe::PipeFlags::CLOEXEC)?;
        let server = Arc::new(Self {
            stopping: AtomicBool::new(false),
            connection: Mutex::default(),
            wake: Arc::new(wake),
        });
        let epoch = agent.new_epoch().map_err(io::Error::other)?;
        let mut worker = Worker {
            line: Line::new(Role::Board, epoch, port.bytes_per_s),
            agent,
            server: Arc::clone(&server),
            port,
            woken,
            peer: None,
            door: Door::Closed,
            out: format!("\0{greeting}\r\n\0").into_bytes(),
            written: 0,
            farewell_us: None,
            end: None,
        };
        let thread = std::thread::Builder::new().name("serial".into()).spawn(move || {
            let now_us = worker.now_us();
            worker.line.start(now_us);
            worker.run();
        })?;
        Ok((server, thread))
    }

    /// The connection of the moment.
    pub fn connection(&self) -> Option<Arc<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says goodbye and ends the thread.
    pub fn stop(&self, reason: &str) {
        if let Some(connection) = self.connection() {
            connection.leave(reason);
        }
        self.stopping.store(true, Ordering::SeqCst);
        wake(&self.wake);
    }
}

fn wake(pipe: &OwnedFd) {
    // A pipe that is full wakes as well.
    let _ = rustix::io::write(pipe, &[1]);
}

/// What the first frame of a connection decides.
enum Door {
    /// No connection.
    Closed,
    /// Open line, nothing said yet.
    Waiting,
    /// Plain frames.
    Plain,
    /// Sealed ones.
    Secured(Sealer, Opener),
}

struct Worker {
    agent: Arc<Agent>,
    server: Arc<SerialServer>,
    port: SerialPort,
    woken: OwnedFd,
    line: Line,
    peer: Option<Peer>,
    door: Door,
    out: Vec<u8>,
    written: usize,
    /// When a connection that ends is cut off.
    farewell_us: Option<u64>,
    end: Option<End>,
}

impl Worker {
    fn now_us(&self) -> u64 {
        self.agent.clock.now_ns() / 1_000
    }

    fn run(&mut self) {
        let mut buffer = vec![0u8; READ_BYTES];
        loop {
            self.fill_line();
            let broken = self.write().and_then(|()| self.read(&mut buffer)).err();
            if let Some(error) = broken {
                self.reopen(&error);
            }
            self.care_for_end();
            if self.server.stopping.load(Ordering::SeqCst) && self.peer.is_none() {
                return;
            }
            self.sleep();
        }
    }

    /// Hands frames to the line: control always, bulk as long as little of it waits.
    fn fill_line(&mut self) {
        let Some(peer) = &self.peer else { return };
        let (outbox, deflates) = (Arc::clone(&peer.connection.outbox), peer.deflates());
        while let Some(frame) = outbox.take(false) {
            self.send(Channel::Control, frame);
        }
        while self.line.queued_bytes(Channel::Bulk) < QUEUED_BULK_BYTES
            && let Some(frame) = outbox.take(true)
        {
            let frame = deflates.then(|| deflate(&frame)).flatten().unwrap_or(frame);
            self.send(Channel::Bulk, frame);
        }
        self.line.set_room(if outbox.full() { 0 } else { ROOM_UNITS });
    }

    fn send(&mut self, channel: Channel, frame: Frame) {
        let bytes = frame.bytes();
        let Door::Secured(sealer, _) = &mut self.door else {
            self.line.send(channel, bytes.to_vec());
            return;
        };
        let mut record = Vec::with_capacity(bytes.len() + secure::TAG_BYTES);
        if bytes.len() > MAX_PLAIN_BYTES || sealer.seal(channel, bytes, &mut record).is_err() {
            // Dropping it would leave its call without an answer.
            let failure = Failure::new(
                ErrorCode::TooLarge,
                format!("a frame of {} bytes fits no record", bytes.len()),
            );
            self.end.get_or_insert(End::Refused(failure));
            return;
        }
        self.line.send(channel, record);
    }

    fn write(&mut self) -> io::Result<()> {
        loop {
            if self.written == self.out.len() {
                self.written = 0;
                self.out = self.line.poll(self.now_us()).unwrap_or_default();
                if self.out.is_empty() {
                    return Ok(());
                }
            }
            match rustix::io::write(&self.port.fd, &self.out[self.written..]) {
                Ok(0) => return Ok(()),
                Ok(written) => self.written += written,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        loop {
            match rustix::io::read(&self.port.fd, &mut *buffer) {
                // VMIN 1 gives nothing only where the other side of a pty is gone.
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(got) => {
                    let now_us = self.now_us();
                    for action in self.line.receive(&buffer[..got], now_us) {
                        self.act(action);
                    }
                    if got < buffer.len() {
                        return Ok(());
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn act(&mut self, action: LineAction) {
        match action {
            LineAction::Open { .. } => {
                self.hang_up(End::Lost("the host began anew".into()));
                let pipe = Arc::clone(&self.server.wake);
                let outbox = Arc::new(Outbox::waking(Box::new(move || wake(&pipe))));
                let connection = Connection::new(outbox, now_ms(&self.agent), "serial");
                *self.server.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&connection));
                self.peer = Some(Peer::new(Arc::clone(&self.agent), connection, true, Rights::Full));
                self.door = Door::Waiting;
                (self.end, self.farewell_us) = (None, None);
            }
            LineAction::Frame(channel, bytes) => {
                if self.end.is_none() && self.farewell_us.is_none() {
                    self.end = self.frame(channel, bytes).err();
                }
            }
            LineAction::Console(text) => self.agent.console(&text),
            LineAction::Broken(error) => {
                let failure = Failure::new(ErrorCode::Corrupt, error.to_string());
                self.end.get_or_insert(End::Refused(failure));
            }
        }
        if let Some(peer) = &self.peer {
            let (counts, mut told) = (self.line.counts(), peer.connection.counts());
            let (payload, window) = self.line.sizes();
            (told.sent_pdus, told.repeated_pdus) = (counts.sent_pdus, counts.repeated_pdus);
            (told.received_pdus, told.damaged_segments) = (counts.received_pdus, counts.damaged_segments);
            (told.payload_bytes, told.window_bytes) = (payload as u32, window as u32);
            told.round_trip_us.0 = self.line.round_trip_us();
        }
    }

    fn frame(&mut self, channel: Channel, bytes: Vec<u8>) -> Result<(), End> {
        if matches!(self.door, Door::Waiting) {
            if let Some((preface, message)) = bytes.split_first_chunk::<PREFACE_BYTES>()
                && secure::read_preface(preface).is_ok()
            {
                return self.handshake(preface, message);
            }
            self.door = Door::Plain;
            if !self.agent.keys.is_empty() && !self.port.options.without_key {
                let cause = "this board serves only who shows its key";
                return Err(End::Refused(
                    Failure::new(ErrorCode::Denied, cause)
                        .remedy("Connect with the key file that the board's owner has."),
                ));
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
        match &mut self.peer {
            Some(peer) => peer.frame(frame),
            None => Ok(()),
        }
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
        self.line.send(Channel::Control, answer);
        self.door = Door::Secured(secured.sealer, secured.opener);
        if let Some(peer) = self.peer.take() {
            peer.connection.counts().secured = true;
            self.peer = Some(Peer::new(Arc::clone(&self.agent), peer.connection, true, rights));
        }
        Ok(())
    }

    /// Ends the connection where something asked for it: what waits is still sent, for a while.
    fn care_for_end(&mut self) {
        let Some(peer) = &self.peer else { return };
        let outbox = Arc::clone(&peer.connection.outbox);
        if outbox.is_closed() {
            return self.hang_up(End::Lost("silent for too long".into()));
        }
        let now_us = self.now_us();
        if let Some(end) = self.end.take() {
            let at_once = matches!(end, End::Lost(_));
            peer.end(end);
            if at_once {
                return self.reset();
            }
        }
        if outbox.is_finished() {
            let until_us = *self.farewell_us.get_or_insert(now_us + FAREWELL_US);
            if self.line.idle() || now_us >= until_us {
                self.hang_up(End::Lost("closed".into()));
            }
        }
    }

    fn hang_up(&mut self, end: End) {
        let was_open = self.peer.is_some() && matches!(end, End::Lost(ref why) if why != "the host began anew");
        if let Some(peer) = self.peer.take() {
            peer.end(end);
        }
        if was_open {
            self.reset();
        }
    }

    /// Forgets the connection on the line too: whoever still speaks in it is told of a reset.
    fn reset(&mut self) {
        (self.peer, self.end, self.farewell_us, self.door) = (None, None, None, Door::Closed);
        *self.server.connection.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match self.agent.new_epoch() {
            Ok(epoch) => self.line.reset(epoch),
            Err(failure) => self.agent.log.line(Level::Error, &format!("serial line: {failure}")),
        }
    }

    fn reopen(&mut self, error: &io::Error) {
        let path = self.port.options.path.display().to_string();
        if self.peer.is_some() {
            self.agent.log.line(Level::Warn, &format!("{path}: {error}"));
            self.hang_up(End::Lost(error.to_string()));
        }
        (self.out, self.written) = (Vec::new(), 0);
        // Only what is free again can be opened again; the sleep of the loop comes in between.
        if let Ok(port) = open_again(&self.port.options) {
            self.port = port;
        }
        self.doze();
    }

    /// A port that is gone makes `poll` return at once: wait on the pipe alone.
    fn doze(&self) {
        let mut fds = [PollFd::new(&self.woken, PollFlags::IN)];
        let _ = poll(&mut fds, Some(&timespec(LONGEST_SLEEP_US / 4)));
        self.drain_pipe();
    }

    fn sleep(&self) {
        let now_us = self.now_us();
        let busy = self.written < self.out.len();
        let mut wake_us = now_us.saturating_add(LONGEST_SLEEP_US);
        if !busy {
            wake_us = self.line.wake_us().unwrap_or(u64::MAX).min(wake_us);
        }
        wake_us = self.farewell_us.unwrap_or(u64::MAX).min(wake_us);
        let wanted = if busy {
            PollFlags::IN | PollFlags::OUT
        } else {
            PollFlags::IN
        };
        let mut fds = [
            PollFd::from_borrowed_fd(self.port.fd.as_fd(), wanted),
            PollFd::new(&self.woken, PollFlags::IN),
        ];
        // Interrupted or not, the loop looks at everything again.
        let _ = poll(&mut fds, Some(&timespec(wake_us.saturating_sub(now_us))));
        self.drain_pipe();
    }

    fn drain_pipe(&self) {
        let mut bytes = [0u8; 256];
        while matches!(rustix::io::read(&self.woken, &mut bytes), Ok(256)) {}
    }
}

fn open_again(options: &SerialOptions) -> io::Result<SerialPort> {
    open(options.clone())
}

fn timespec(us: u64) -> Timespec {
    Timespec {
        tv_sec: (us / 1_000_000) as i64,
        tv_nsec: (us % 1_000_000 * 1_000) as i64,
    }
}
