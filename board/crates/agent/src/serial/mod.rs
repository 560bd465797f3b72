//! A serial port as a listener: one thread reads, writes and keeps the line's time.
//!
//! ```text
//!   port ⇄ Worker { Line, Lanes { Lane { door, peer } … } }
//! ```
//!
//! Obeys starryos.md §2.3: raw termios with VMIN 1 and VTIME 0, non-blocking reads and a poll with a timeout, no call that a
//! tty there lacks, the boot loader's speed unless told otherwise, nothing written beyond what the tty takes.
//! Surprising: the port may be a console too. What is no frame is text of somebody else, and the agent greets in text.

mod lane;
mod lanes;
mod port;
mod worker;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::agent::Agent;
use crate::connection::Connection;
pub use port::{SerialOptions, SerialPort, open};
use worker::Worker;

/// What others may do to the thread of a port.
pub struct SerialServer {
    stopping: AtomicBool,
    connections: Mutex<Vec<Arc<Connection>>>,
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
            connections: Mutex::default(),
            wake: Arc::new(wake),
        });
        let mut worker = Worker::new(agent, Arc::clone(&server), port, woken, greeting)?;
        let thread = std::thread::Builder::new()
            .name("serial".into())
            .spawn(move || worker.run())?;
        Ok((server, thread))
    }

    /// The connections of the moment: one, or one per lane.
    pub fn connections(&self) -> Vec<Arc<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_connections(&self, connections: Vec<Arc<Connection>>) {
        *self.connections.lock().unwrap_or_else(PoisonError::into_inner) = connections;
    }

    /// Says goodbye and ends the thread.
    pub fn stop(&self, reason: &str) {
        for connection in self.connections() {
            connection.leave(reason);
        }
        self.stopping.store(true, Ordering::SeqCst);
        wake(&self.wake);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// What a connection calls when it has something to send.
    fn waker(&self) -> Box<dyn Fn() + Send + Sync> {
        let pipe = Arc::clone(&self.wake);
        Box::new(move || wake(&pipe))
    }
}

fn wake(pipe: &OwnedFd) {
    // A pipe that is full wakes as well.
    let _ = rustix::io::write(pipe, &[1]);
}
