//! Opening, keeping and closing a session: HELLO, PING, PONG, BYE.

use alloc::string::String;
use alloc::vec::Vec;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::ErrorCode;

/// The host's HELLO.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct HelloHost {
    /// Oldest protocol spoken.
    #[n(0)]
    pub protocol_min: u32,
    /// Newest protocol spoken.
    #[n(1)]
    pub protocol_current: u32,
    /// Client build.
    #[n(2)]
    pub client: String,
    /// Host wall clock, µs since 1970; for log lines only.
    #[n(3)]
    pub wall_us: u64,
    /// Token of the session to resume.
    #[n(4)]
    pub token: Option<ByteArray<16>>,
    /// Streams to go on with.
    #[n(5)]
    pub streams: Option<Vec<StreamPosition>>,
    /// Capabilities of the host, for example "body.deflate".
    #[n(6)]
    pub capabilities: Option<Vec<String>>,
}

/// Where a resumed stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StreamPosition {
    /// The call.
    #[n(0)]
    pub call_id: u32,
    /// First item not yet received.
    #[n(1)]
    pub next_item: u64,
    /// Bytes of the items before it that are not used up yet: credit that was lost with the link counts again.
    #[n(2)]
    pub unused_bytes: Option<u64>,
}

/// The board's HELLO.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct HelloBoard {
    /// Oldest protocol spoken.
    #[n(0)]
    pub protocol_min: u32,
    /// Newest protocol spoken.
    #[n(1)]
    pub protocol_current: u32,
    /// Agent build.
    #[n(2)]
    pub agent: String,
    /// Random at agent start.
    #[n(3)]
    pub boot_id: ByteArray<8>,
    /// Token of this session.
    #[n(4)]
    pub token: ByteArray<16>,
    /// True where the old session goes on.
    #[n(5)]
    pub resumed: bool,
    /// Limits.
    #[n(6)]
    pub limits: Limits,
    /// Board clock ticks per second.
    #[n(7)]
    pub ticks_hz: u64,
    /// Capabilities by name.
    #[n(8)]
    pub capabilities: Vec<String>,
    /// Grace time in ms.
    #[n(9)]
    pub grace_ms: u64,
    /// True where the key in use only reads; absent where it may do all.
    #[n(10)]
    pub read_only: Option<bool>,
}

/// What one session may do at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Limits {
    /// Largest frame.
    #[n(0)]
    pub max_frame_bytes: u32,
    /// Unanswered calls.
    #[n(1)]
    pub max_in_flight: u32,
    /// Largest body of one frame.
    #[n(2)]
    pub max_body_bytes: u32,
}

/// PING.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ping {
    /// Host µs.
    #[n(0)]
    pub host_us: u64,
}

/// PONG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Pong {
    /// The host's µs.
    #[n(0)]
    pub host_us: u64,
    /// Board ticks at receipt.
    #[n(1)]
    pub received_ticks: u64,
    /// Board ticks at sending.
    #[n(2)]
    pub sent_ticks: u64,
}

/// BYE.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Bye {
    /// Reason.
    #[n(0)]
    pub reason: String,
    /// What it is, where a board refuses the connection.
    #[n(1)]
    pub code: Option<ErrorCode>,
    /// What to do then.
    #[n(2)]
    pub remedy: Option<String>,
}
