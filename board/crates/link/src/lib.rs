//! The contract between host and board as code: every message of `board/link/link.cddl`, and the state machines under it.
//!
//! ```text
//!   agent ──▶ link ◀── (the TypeScript client has its own codec; both are held to board/link/vectors)
//! ```
//!
//! Knows bytes and rules; owns no socket, no clock, no thread. Every byte that comes in is taken as hostile: a parse
//! returns an error, never panics, and no length is believed before it is checked against a cap.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cbor;
pub mod deflate;
pub mod deframe;
pub mod frame;
pub mod limits;
pub mod message;
pub mod method;
pub mod secure;
pub mod session;
pub mod trace;
pub mod uart;

pub use deframe::{DeframeError, Deframer};
pub use frame::{Flags, Frame, FrameError, FrameType, FrameView, HEADER_BYTES};
pub use message::call::{ErrorCode, FieldValue};
pub use method::{Access, Method, Retry};
