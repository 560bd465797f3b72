//! Boards that are reached on any way: one whose agent is a process that can be killed, one whose agent lives here.

use std::net::SocketAddr;
use std::sync::Arc;

use agent::Agent;
use agent::serial::SerialOptions;
use agent::server::{Listener, Server, bind};

use super::peer::Peer;
use super::way::{AnyWire, Reach, Way};
use super::{Folder, Process, Setup, SkippingClock, address, npulabd, start};

/// What the line of a pty is told to run at.
const BAUD: u32 = 4_000_000;

/// A board with a real `npulabd`.
pub struct RealBoard {
    pub folder: Folder,
    pub reach: Reach,
    pub process: Option<Process>,
    pub address: Option<SocketAddr>,
}

impl RealBoard {
    /// A board that is switched on.
    pub fn on(way: Way, seed: u64) -> Self {
        let mut board = Self {
            folder: Folder::new(),
            reach: Reach::new(way, seed),
            process: None,
            address: None,
        };
        board.switch_on();
        board
    }

    pub fn switch_on(&mut self) {
        let port = self.reach.port().map(|path| format!("serial://{path}?baud={BAUD}"));
        let listen = port.as_deref().unwrap_or("tcp://127.0.0.1:0");
        let (store, log) = (self.folder.0.join("store"), self.folder.0.join("agent.log"));
        let (process, ready) = start(&mut npulabd(), listen, &store, &log);
        self.address = port.is_none().then(|| address(&ready));
        self.process = Some(process);
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// A host with a session of its own.
    pub fn peer(&mut self) -> Peer<AnyWire> {
        let mut peer = self.reach.connect(self.address);
        peer.greet(None, &[]);
        peer
    }
}

/// A board whose agent lives in this process. Time runs, and can be skipped.
pub struct Live {
    pub agent: Arc<Agent>,
    pub clock: Arc<SkippingClock>,
    pub reach: Reach,
    address: Option<SocketAddr>,
    pub folder: Folder,
    _server: Server,
}

impl Live {
    pub fn on(way: Way, seed: u64, setup: Setup) -> Self {
        let (folder, clock) = (Folder::new(), Arc::new(SkippingClock::default()));
        let reach = Reach::new(way, seed);
        let agent = setup.agent(&folder, clock.clone());
        let listener = match reach.port() {
            None => Listener::Tcp(bind("127.0.0.1:0".parse().unwrap(), false).unwrap()),
            Some(path) => {
                let options = SerialOptions {
                    path: path.into(),
                    baud: Some(BAUD),
                    keep_speed: false,
                    without_key: false,
                };
                Listener::Serial(agent::serial::open(options).unwrap(), "{}".into())
            }
        };
        let server = Server::start(agent.clone(), vec![listener], true).unwrap();
        Self {
            agent,
            clock,
            reach,
            address: server.addresses().first().copied(),
            folder,
            _server: server,
        }
    }

    /// A host that goes on with the session of a token, or has one of its own.
    pub fn peer(&mut self, token: Option<[u8; 16]>) -> Peer<AnyWire> {
        let mut peer = self.reach.connect(self.address);
        peer.greet(token, &[]);
        peer
    }

    /// Waits until the agent itself says so; it says so in a bounded number of steps.
    pub fn until(&self, done: impl Fn(&Agent) -> bool) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !done(&self.agent) {
            assert!(std::time::Instant::now() < end, "it did not happen");
            std::thread::yield_now();
        }
    }
}
