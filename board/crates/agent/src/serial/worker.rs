//! The thread of a port: moves bytes between the tty and the line, frames between the line and its connections, and sleeps
//! until one of them has something.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use link::ErrorCode;
use link::uart::lanes::{MAX_LANES, offer, read_offer};
use link::uart::line::{Line, LineAction, ROOM_UNITS, Role};
use link::uart::pdu::Channel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::SerialServer;
use super::lane::Lane;
use super::lanes::Lanes;
use super::port::{SerialPort, open};
use crate::agent::Agent;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::log::Level;
use crate::outbox::Outbox;

/// Bytes taken off the tty at a time.
const READ_BYTES: usize = 64 * 1024;
/// Bytes of bulk the line may hold beside the frame under way.
const QUEUED_BULK_BYTES: usize = 16 * 1024;
/// Longest sleep of the thread, µs: how long a port that went away stays unnoticed.
const LONGEST_SLEEP_US: u64 = 1_000_000;

/// The thread's state.
pub struct Worker {
    agent: Arc<Agent>,
    server: Arc<SerialServer>,
    port: SerialPort,
    woken: OwnedFd,
    line: Line,
    lanes: Lanes,
    out: Vec<u8>,
    written: usize,
}

impl Worker {
    /// A worker that writes `greeting` first.
    pub fn new(
        agent: Arc<Agent>,
        server: Arc<SerialServer>,
        port: SerialPort,
        woken: OwnedFd,
        greeting: &str,
    ) -> io::Result<Self> {
        let epoch = agent.new_epoch().map_err(io::Error::other)?;
        Ok(Self {
            line: Line::new(Role::Board, epoch, port.bytes_per_s),
            agent,
            server,
            port,
            woken,
            lanes: Lanes::default(),
            out: format!("\0{greeting}\r\n\0").into_bytes(),
            written: 0,
        })
    }

    /// Serves until the server is told to stop.
    pub fn run(&mut self) {
        let now_us = self.now_us();
        self.line.start(now_us);
        let mut buffer = vec![0u8; READ_BYTES];
        loop {
            self.fill_line();
            let broken = self.write().and_then(|()| self.read(&mut buffer)).err();
            if let Some(error) = broken {
                self.reopen(&error);
            }
            self.look_after_lanes();
            if self.server.is_stopping() && self.lanes.is_empty() {
                return;
            }
            self.sleep();
        }
    }

    fn now_us(&self) -> u64 {
        self.agent.clock.now_ns() / 1_000
    }

    /// Hands frames to the line: control always, bulk as long as little of it waits.
    fn fill_line(&mut self) {
        while let Some(frame) = self.lanes.next(Channel::Control) {
            self.line.send(Channel::Control, frame);
        }
        while self.line.queued_bytes(Channel::Bulk) < QUEUED_BULK_BYTES
            && let Some(frame) = self.lanes.next(Channel::Bulk)
        {
            self.line.send(Channel::Bulk, frame);
        }
        self.line.set_room(if self.lanes.full() { 0 } else { ROOM_UNITS });
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
            match rustix::io::write(&self.port, &self.out[self.written..]) {
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
            match rustix::io::read(&self.port, &mut *buffer) {
                // VMIN 1 gives nothing only where the other side of a pty is gone.
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(got) => {
                    let now_us = self.now_us();
                    for action in self.line.receive(&buffer[..got], now_us) {
                        self.act(action);
                    }
                    self.tell_counts();
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
                self.lanes.lost("the host began anew");
                let lane = self.new_lane();
                self.lanes.alone(lane);
                self.publish();
            }
            LineAction::Frame(channel, bytes) => self.frame(channel, bytes),
            LineAction::Console(text) => self.agent.console(&text),
            LineAction::Broken(error) => {
                for lane in self.lanes.iter_mut() {
                    lane.refuse(Failure::new(ErrorCode::Corrupt, error.to_string()));
                }
            }
        }
    }

    fn frame(&mut self, channel: Channel, bytes: Vec<u8>) {
        if self.lanes.is_waiting() && read_offer(&bytes).is_some() {
            self.lanes.share();
            self.line.send(Channel::Control, offer(MAX_LANES).to_vec());
            self.publish();
            return;
        }
        let (agent, server, port) = (&self.agent, &self.server, &self.port);
        match self.lanes.frame(channel, bytes, || new_lane(agent, server, port)) {
            Ok(answer) => {
                if let Some(answer) = answer {
                    self.line.send(Channel::Control, answer);
                }
                self.publish();
            }
            Err(why) => self.reset_line(why),
        }
    }

    fn new_lane(&self) -> Lane {
        new_lane(&self.agent, &self.server, &self.port)
    }

    fn publish(&self) {
        self.server.set_connections(self.lanes.connections());
    }

    fn tell_counts(&mut self) {
        let counts = self.line.counts();
        let (payload, window) = self.line.sizes();
        let round_trip_us = self.line.round_trip_us();
        for lane in self.lanes.iter_mut() {
            let mut told = lane.connection().counts();
            (told.sent_pdus, told.repeated_pdus) = (counts.sent_pdus, counts.repeated_pdus);
            (told.received_pdus, told.damaged_segments) = (counts.received_pdus, counts.damaged_segments);
            (told.payload_bytes, told.window_bytes) = (payload as u32, window as u32);
            told.round_trip_us.0 = round_trip_us;
        }
    }

    fn look_after_lanes(&mut self) {
        let now_us = self.now_us();
        let aftermath = self.lanes.look_after(now_us, self.line.idle());
        if aftermath.line {
            self.reset_line("its connection ended");
        } else if !aftermath.ends.is_empty() {
            for end in aftermath.ends {
                self.line.send(Channel::Control, end);
            }
            self.publish();
        }
    }

    /// Forgets every connection, on the line too: whoever still speaks in one is told of a reset.
    fn reset_line(&mut self, why: &str) {
        self.lanes.lost(why);
        self.publish();
        match self.agent.new_epoch() {
            Ok(epoch) => self.line.reset(epoch),
            Err(failure) => self.agent.log.line(Level::Error, &format!("serial line: {failure}")),
        }
    }

    fn reopen(&mut self, error: &io::Error) {
        let path = self.port.options.path.display().to_string();
        if !self.lanes.is_empty() {
            self.agent.log.line(Level::Warn, &format!("{path}: {error}"));
            self.reset_line(&error.to_string());
        }
        (self.out, self.written) = (Vec::new(), 0);
        // Only what is free again can be opened again; the sleep of the loop comes in between.
        if let Ok(port) = open(self.port.options.clone()) {
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
        wake_us = self.lanes.wake_us().unwrap_or(u64::MAX).min(wake_us);
        let wanted = if busy {
            PollFlags::IN | PollFlags::OUT
        } else {
            PollFlags::IN
        };
        let mut fds = [
            PollFd::from_borrowed_fd(self.port.as_fd(), wanted),
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

/// A connection that begins now.
fn new_lane(agent: &Arc<Agent>, server: &SerialServer, port: &SerialPort) -> Lane {
    let outbox = Arc::new(Outbox::waking(server.waker()));
    let connection = Connection::new(outbox, agent.now_ms(), "serial");
    let needs_key = !agent.keys.is_empty() && !port.options.without_key;
    Lane::new(Arc::clone(agent), connection, needs_key)
}

fn timespec(us: u64) -> Timespec {
    Timespec {
        tv_sec: (us / 1_000_000) as i64,
        tv_nsec: (us % 1_000_000 * 1_000) as i64,
    }
}
