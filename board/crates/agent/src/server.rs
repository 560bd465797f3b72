//! The listeners: accept, count connections, keep time. Beyond loopback only where a key is set.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::agent::Agent;
use crate::connection::Connection;
use crate::log::Level;
use crate::serial::{SerialPort, SerialServer};
use crate::tcp;

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

/// Something to listen on.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A serial port, and the hello line that is written on it.
    Serial(SerialPort, String),
}

/// A listening agent.
pub struct Server {
    addresses: Vec<SocketAddr>,
    ports: Vec<Arc<SerialServer>>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Binds an address; beyond loopback only where `keyed`.
pub fn bind(address: SocketAddr, keyed: bool) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() && !keyed {
        let text = "beyond loopback nobody is served without a key: make one with `npulabd key new PATH` and start with \
                    --key PATH";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    TcpListener::bind(address)
}

impl Server {
    /// Serves connections of `listeners`. With `keep_time` a thread calls `Agent::tick`; a test may do that itself.
    pub fn start(agent: Arc<Agent>, listeners: Vec<Listener>, keep_time: bool) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (mut threads, mut addresses, mut ports) = (Vec::new(), Vec::new(), Vec::new());
        for listener in listeners {
            match listener {
                Listener::Tcp(listener) => {
                    addresses.push(listener.local_addr()?);
                    let (agent, accepting) = (Arc::clone(&agent), Arc::clone(&shared));
                    let accepting = move || accept(&agent, &listener, &accepting);
                    threads.push(thread::Builder::new().name("accept".into()).spawn(accepting)?);
                }
                Listener::Serial(port, greeting) => {
                    let (port, thread) = SerialServer::start(Arc::clone(&agent), port, &greeting)?;
                    ports.push(port);
                    threads.push(thread);
                }
            }
        }
        if keep_time {
            let (shared, ports) = (Arc::clone(&shared), ports.clone());
            threads.push(thread::Builder::new().name("time".into()).spawn(move || {
                while !shared.stopping.load(Ordering::SeqCst) {
                    agent.tick();
                    let now_ms = agent.clock.now_ns() / 1_000_000;
                    let serial = ports.iter().flat_map(|port| port.connections());
                    let live = shared.live().into_iter().chain(serial);
                    live.for_each(|connection| connection.tick(now_ms));
                    thread::sleep(TICK);
                }
            })?);
        }
        Ok(Self {
            addresses,
            ports,
            shared,
            threads,
        })
    }

    /// Where it listens for TCP.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Says goodbye to every peer and stops.
    pub fn stop(self, reason: &str) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for address in &self.addresses {
            // Wakes the accepting thread; where that fails it is not waiting.
            let reach = if address.ip().is_unspecified() {
                SocketAddr::from(([127, 0, 0, 1], address.port()))
            } else {
                *address
            };
            let _ = TcpStream::connect_timeout(&reach, Duration::from_secs(1));
        }
        self.shared
            .live()
            .iter()
            .for_each(|connection| connection.leave(reason));
        self.ports.iter().for_each(|port| port.stop(reason));
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
        match tcp::serve(Arc::clone(agent), stream) {
            Ok(connection) => {
                let mut connections = shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
                connections.push(Arc::downgrade(&connection));
            }
            Err(error) => agent.log.line(Level::Warn, &format!("connection: {error}")),
        }
    }
}
