//! Two ends of a serial line, a bad line between them, virtual time, and seeds.

mod ends;
mod random;
mod runs;
mod wire;

pub use ends::{Broken, End, run};
pub use random::Random;
pub use runs::many;
pub use wire::{Faults, FaultyWire};
