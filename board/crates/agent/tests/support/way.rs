//! Ways to a board that the same test takes: TCP, a pty, and a pty with a bad line in the middle.

use std::net::SocketAddr;

use link::Frame;
use link::uart::line::ROOM_UNITS;

use super::faulty::{Faults, FaultyWire, Random};
use super::peer::{Peer, Wire};
use super::tcp::Tcp;
use super::tty::{Terminal, Tty};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Tcp,
    Pty,
    FaultyPty,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Pty, Self::FaultyPty];
}

/// What StarryOS's terminal and a bad cable do to a line, all at once.
const BAD_LINE: Faults = Faults {
    bytes_per_s: 10_000_000,
    latency_us: 0,
    drop: 2e-5,
    flip: 2e-5,
    duplicate: 0.01,
    reorder: 0.0,
    overtake: 0.02,
    truncate: 0.01,
    text: 0.02,
    stall: 0.0,
    silence: 0.0,
    queue_bytes: 4096,
    eats_cursor_requests: true,
};

/// Any of the wires.
pub enum AnyWire {
    Tcp(Tcp),
    Tty(Box<Tty>),
}

impl Wire for AnyWire {
    const CAPABILITIES: &'static [&'static str] = &[];

    fn send(&mut self, frame: &Frame) {
        match self {
            Self::Tcp(tcp) => tcp.send(frame),
            Self::Tty(tty) => tty.send(frame),
        }
    }

    fn receive(&mut self) -> Option<Frame> {
        match self {
            Self::Tcp(tcp) => tcp.receive(),
            Self::Tty(tty) => tty.receive(),
        }
    }
}

impl Peer<AnyWire> {
    /// Ends within a frame, and says nothing more: a socket is closed by its system, a line just falls silent.
    pub fn die_within(mut self, frame: &Frame) {
        match &mut self.wire {
            AnyWire::Tcp(tcp) => tcp.send_half(frame),
            AnyWire::Tty(tty) => tty.send_half(frame),
        }
    }

    /// Takes nothing more from the board: nobody reads a socket, a line gives no credit.
    pub fn stop_reading(&mut self) {
        if let AnyWire::Tty(tty) = &mut self.wire {
            tty.line.set_room(0);
        }
    }

    /// Reads again, once the board has taken everything and could answer it.
    pub fn read_again(&mut self) {
        if let AnyWire::Tty(tty) = &mut self.wire {
            tty.until(|tty| tty.line.idle().then_some(()));
            assert!(tty.frames.is_empty(), "nothing came without credit");
            tty.line.set_room(ROOM_UNITS);
        }
    }
}

/// Where an agent can be reached, whether one runs or not.
pub struct Reach {
    way: Way,
    terminal: Terminal,
    random: Random,
}

impl Reach {
    /// The seed of a bad line is printed.
    pub fn new(way: Way, seed: u64) -> Self {
        if way == Way::FaultyPty {
            println!("bad line: seed {seed}");
        }
        Self {
            way,
            terminal: Terminal::new(),
            random: Random(seed),
        }
    }

    /// The serial port that an agent listens on; `None` on TCP.
    pub fn port(&self) -> Option<&str> {
        (self.way != Way::Tcp).then_some(&self.terminal.path)
    }

    /// A host that has said nothing, over an open line or a connection.
    pub fn connect(&mut self, address: Option<SocketAddr>) -> Peer<AnyWire> {
        if let Some(address) = address {
            return Peer::over(AnyWire::Tcp(Tcp::connect(address)));
        }
        let random = &mut self.random;
        let faults = (self.way == Way::FaultyPty).then(|| [0, 1].map(|_| FaultyWire::new(random.next(), BAD_LINE)));
        let mut tty = Tty::on(&self.terminal, random.next() as u32 | 1, faults);
        tty.open();
        Peer::over(AnyWire::Tty(Box::new(tty)))
    }
}
