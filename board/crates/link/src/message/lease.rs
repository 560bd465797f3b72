//! lease.*: who may change the board while several sessions are open.

use alloc::string::String;
use minicbor::{Decode, Encode};

use crate::cbor::{Nullable, text_enum};

/// lease.acquire and lease.take.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LeaseArgs {
    /// Time without a PING after which it expires, ms.
    #[n(0)]
    pub ttl_ms: u64,
    /// Who asks, for people: user, host, notebook.
    #[n(1)]
    pub who: String,
    /// What for.
    #[n(2)]
    pub why: String,
    /// How long lease.acquire waits in the queue, ms; lease.take does not wait.
    #[n(3)]
    pub wait_ms: u64,
}

/// lease-state.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LeaseState {
    /// The session that asks holds it.
    #[n(0)]
    pub mine: bool,
    /// Who holds it.
    #[n(1)]
    pub holder: Nullable<String>,
    /// What for; empty where nobody holds it.
    #[n(2)]
    pub why: String,
    /// For how long it has been held, ms.
    #[n(3)]
    pub held_ms: u64,
    /// When it expires unless renewed, ms from now.
    #[n(4)]
    pub expires_ms: u64,
    /// Sessions in the queue.
    #[n(5)]
    pub waiting: u32,
    /// Place of the session that asks in the queue, from 1; absent where it does not wait.
    #[n(6)]
    pub place: Option<u32>,
}

text_enum! {
    /// What became of the lease.
    LeaseChange {
        /// A session got it.
        Granted => "granted",
        /// Its holder gave it back or ended.
        Released => "released",
        /// It was not renewed in time.
        Expired => "expired",
        /// Another session took it by force.
        Taken => "taken",
    }
}

/// The lease changed; sent to every session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LeaseEvent {
    /// What became of it.
    #[n(0)]
    pub change: LeaseChange,
    /// Who holds it from now on (granted, taken) or held it (released, expired).
    #[n(1)]
    pub who: String,
    /// What for.
    #[n(2)]
    pub why: String,
    /// The session this is sent to lost its lease by it.
    #[n(3)]
    pub lost: bool,
}
