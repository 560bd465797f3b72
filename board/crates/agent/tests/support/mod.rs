//! An agent in this process or in one of its own, and peers that speak frames to it over TCP or a pty. Reads are blocking,
//! nothing sleeps.

#![allow(dead_code, unused_imports)]

mod board;
mod bytes;
mod clock;
mod fence;
mod folder;
mod hung;
mod model;
mod peer;
mod process;
mod rig;
mod tcp;
mod tty;
mod way;

#[path = "../../../link/tests/faulty/mod.rs"]
mod faulty;

pub use board::{Live, RealBoard};
pub use bytes::{bitmap_has, noise, sha};
pub use clock::SkippingClock;
pub use faulty::{Faults, FaultyWire, Random};
pub use fence::fenced;
pub use folder::Folder;
pub use hung::{hung_rig, submit_any};
pub use model::upload_tiny_model;
pub use peer::{Peer, Wire, answer, code, frame, lease};
pub use process::{Process, address, npulabd, start};
pub use rig::{Rig, Setup};
pub use tcp::Tcp;
pub use tty::{Terminal, Tty};
pub use way::{AnyWire, Way};
