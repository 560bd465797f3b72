//! Streams and events: ITEM, END, EVENT, CREDIT.

use alloc::string::String;
use minicbor::{Decode, Encode};

/// ITEM.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Item<T> {
    /// Index in the stream, from 0.
    #[n(0)]
    pub index: u64,
    /// Payload.
    #[n(1)]
    pub payload: T,
    /// Size of the body before it was deflated; absent where it was not.
    #[n(2)]
    pub inflated_bytes: Option<u64>,
}

/// What of an ITEM says how large its body is, whatever its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Decode)]
#[cbor(map)]
pub struct ItemSize {
    /// Size of the body before it was deflated.
    #[n(2)]
    pub inflated_bytes: Option<u64>,
}

/// END.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct End {
    /// Number of items.
    #[n(0)]
    pub items: u64,
}

/// EVENT.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Event<T> {
    /// Sequence, per session.
    #[n(0)]
    pub sequence: u64,
    /// Events lost before this one.
    #[n(1)]
    pub lost: u64,
    /// Payload.
    #[n(2)]
    pub payload: T,
}

/// CREDIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Credit {
    /// Further meta + body bytes of ITEM frames the receiver takes.
    #[n(0)]
    pub bytes: u64,
}

/// Topic of [`LogEvent`].
pub const TOPIC_LOG: u16 = 0x8001;
/// Topic of [`DeviceStateEvent`].
pub const TOPIC_DEVICE_STATE: u16 = 0x8002;

/// Topic of [`super::lease::LeaseEvent`].
pub const TOPIC_LEASE: u16 = 0x8003;
/// Topic of [`ConsoleEvent`].
pub const TOPIC_CONSOLE: u16 = 0x8004;
/// Topic of [`ProgressEvent`].
pub const TOPIC_PROGRESS: u16 = 0x8005;
/// What `lease.state` answers a session that waits: sent to it when it queues, and when its place or the holder changes.
pub const TOPIC_QUEUE: u16 = 0x8006;

/// Text that something else wrote on the serial line.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ConsoleEvent {
    /// The text.
    #[n(0)]
    pub text: String,
}

/// How far a long call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ProgressEvent {
    /// The call.
    #[n(0)]
    pub call_id: u32,
    /// Bytes done.
    #[n(1)]
    pub done_bytes: u64,
    /// Bytes in all.
    #[n(2)]
    pub total_bytes: u64,
}

/// A line of the agent's log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LogEvent {
    /// 0 trace … 4 error.
    #[n(0)]
    pub severity: u8,
    /// The line.
    #[n(1)]
    pub line: String,
}

/// The device changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceStateEvent {
    /// The new state.
    #[n(0)]
    pub state: DeviceState,
}

crate::cbor::text_enum! {
    /// State of the device.
    DeviceState {
        /// Takes work.
        Ready => "ready",
        /// Does not answer; work is refused.
        Stuck => "stuck",
        /// Was reset; the outputs of the last job are undefined.
        Reset => "reset",
    }
}
