//! The serial line: PDUs on the wire and the machine that makes a reliable line of an unreliable one.
//!
//! ```text
//!   frames ⇄ Line { Greeting, Pace, Sender, Receiver } ⇄ Pdu ⇄ mask · COBS · zeros ⇄ bytes
//! ```
//!
//! All of it is `(event, now) → actions`; nothing here owns a port, a timer or a random number.

pub mod cobs;
pub mod crc;
mod greeting;
pub mod lanes;
pub mod line;
pub mod mask;
mod pace;
pub mod pdu;
pub mod rate;
pub mod receiver;
pub mod rto;
pub mod sender;
pub mod split;
