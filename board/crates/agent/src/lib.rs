//! The board's agent as a library: sessions, handles, blobs and NPU jobs behind the link protocol. `npulabd` is its shell.
//!
//! ```text
//!   tcp ────┐
//!   serial ─┴▶ peer ─▶ session ─▶ service ─▶ device queue ─▶ Room { Accelerator, models, inferences }
//!                                    └─────▶ file queue   ─▶ BlobStore
//! ```
//!
//! A TCP connection has a reader and a writer thread, a serial line has one for both; one thread owns the device, one does file work, one keeps time.
//! The reader waits for none of them, so a hung device shows as a state (`deviceStuck`) and never as silence.
#![deny(unsafe_code)]

pub mod access;
mod agent;
pub mod backend;
mod call;
pub mod cli;
pub mod clock;
mod connection;
mod devices;
mod doorkeeper;
pub mod failure;
mod handles;
mod job;
mod lease;
pub mod log;
mod manifest;
mod mapped;
mod outbox;
mod peer;
pub mod probe;
mod queue;
mod room;
pub mod serial;
pub mod server;
mod service;
mod session;
pub mod store;
mod summary;
mod tcp;
mod tcp_writer;
mod watch;
mod work;

pub use crate::agent::{Agent, Config};
