//! An agent in this process, on a loopback port, whose time moves when told to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::access::Keys;
use agent::backend::{self, Backend};
use agent::clock::{Clock, ManualClock};
use agent::log::Log;
use agent::server::{Listener, Server, bind};
use agent::{Agent, Config};

use super::{Folder, Peer};

pub struct Rig {
    pub agent: Arc<Agent>,
    pub clock: Arc<ManualClock>,
    pub address: SocketAddr,
    pub folder: Folder,
    _server: Server,
}

pub struct Setup {
    pub backend: Backend,
    pub quota_bytes: u64,
    pub memory_bytes: Option<u64>,
    pub keys: Keys,
    pub imports: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            backend: backend::open("cpu").unwrap(),
            quota_bytes: 1 << 30,
            memory_bytes: None,
            keys: Keys::default(),
            imports: None,
        }
    }
}

impl Setup {
    /// An agent that listens nowhere yet.
    pub fn agent(self, folder: &Folder, clock: Arc<dyn Clock>) -> Arc<Agent> {
        Agent::start(Config {
            boot_id: Agent::new_boot_id().unwrap(),
            backend: self.backend,
            store: folder.0.clone(),
            quota_bytes: self.quota_bytes,
            memory_bytes: self.memory_bytes,
            grace_ms: 30_000,
            address: "tcp://test".into(),
            terminals: "/nowhere".into(),
            log: Arc::new(Log::none(clock.clone())),
            clock,
            keys: self.keys,
            imports: self.imports,
        })
        .unwrap()
    }
}

impl Rig {
    pub fn new() -> Self {
        Self::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Self {
        let (folder, clock) = (Folder::new(), Arc::new(ManualClock::default()));
        let listener = bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
        let agent = setup.agent(&folder, clock.clone());
        let server = Server::start(agent.clone(), vec![Listener::Tcp(listener)], false).unwrap();
        Self {
            agent,
            clock,
            address: server.addresses()[0],
            folder,
            _server: server,
        }
    }

    pub fn peer(&self) -> Peer {
        Peer::open(self.address, None, &[])
    }

    /// Waits until the agent itself says so; it says so in a bounded number of steps.
    pub fn until(&self, mut done: impl FnMut(&Agent) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !done(&self.agent) {
            assert!(Instant::now() < end, "it did not happen");
            self.agent.tick();
            std::thread::yield_now();
        }
    }
}
