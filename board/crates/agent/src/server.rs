//! The listener: accepts, counts connections, keeps time. Loopback only, since the link has no keys yet.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::agent::Agent;
use crate::connection::{self, Connection};
use crate::log::Level;

/// Connections at a time.
const MAX_CONNECTIONS: usize = 64;
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    connections: Mutex<Vec<Weak<Connection>>>,
}

impl Shared {
    fn live(&self) -> Vec<Arc<Connection>> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|connection| connection.strong_count() > 0);
        connections.iter().filter_map(Weak::upgrade).collect()
    }
}

/// A listening agent.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Binds a loopback address; any other is refused.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let text = "only a loopback address can be bound: the link has no keys yet. Use 127.0.0.1 and an SSH tunnel.";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    TcpListener::bind(address)
}

impl Server {
    /// Serves connections of `listener`. With `keep_time` a thread calls `Agent::tick`; a test may do that itself.
    pub fn start(agent: Arc<Agent>, listener: TcpListener, keep_time: bool) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let mut threads = Vec::new();
        if keep_time {
            let (agent, shared) = (Arc::clone(&agent), Arc::clone(&shared));
            threads.push(thread::Builder::new().name("time".into()).spawn(move || {
                while !shared.stopping.load(Ordering::SeqCst) {
                    agent.tick();
                    let now_ms = agent.clock.now_ns() / 1_000_000;
                    shared.live().iter().for_each(|connection| connection.tick(now_ms));
                    thread::sleep(TICK);
                }
            })?);
        }
        let accepting = Arc::clone(&shared);
        threads.push(
            thread::Builder::new()
                .name("accept".into())
                .spawn(move || accept(&agent, &listener, &accepting))?,
        );
        Ok(Self {
            address,
            shared,
            threads,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says goodbye to every peer and stops.
    pub fn stop(self, reason: &str) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; where that fails it is not waiting.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        self.shared
            .live()
            .iter()
            .for_each(|connection| connection.leave(reason));
        for thread in self.threads {
            // A thread that panicked has ended as well.
            let _ = thread.join();
        }
    }
}

fn accept(agent: &Arc<Agent>, listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                agent.log.line(Level::Warn, &format!("accept: {error}"));
                // Out of descriptors, for example: give the others time to end.
                thread::sleep(TICK);
                continue;
            }
        };
        if shared.live().len() >= MAX_CONNECTIONS {
            agent.log.line(Level::Warn, "connection refused: too many");
            continue;
        }
        match connection::serve(Arc::clone(agent), stream) {
            Ok(connection) => {
                let mut connections = shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
                connections.push(Arc::downgrade(&connection));
            }
            Err(error) => agent.log.line(Level::Warn, &format!("connection: {error}")),
        }
    }
}
