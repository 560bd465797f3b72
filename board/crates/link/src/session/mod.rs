//! Session rules as pure state machines: they take events and a time, and own no clock, socket or thread.

pub mod keepalive;
pub mod replies;
pub mod stream;
