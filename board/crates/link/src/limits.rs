//! Numbers both sides agree on in HELLO, and the caps that hold before HELLO.

/// Protocol this crate speaks; it is also the version nibble of every frame.
pub const PROTOCOL_CURRENT: u32 = 1;
/// Oldest protocol this crate still speaks.
pub const PROTOCOL_MIN: u32 = 1;
/// Largest frame on TCP: header, meta, padding and body together.
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// Largest meta: its length field has 16 bits.
pub const MAX_META_BYTES: usize = 65_535;
/// Largest body of one frame: whatever the meta, header and padding fit beside it.
pub const MAX_BODY_BYTES: usize = MAX_FRAME_BYTES - (1 << 16) - 64;
/// Calls of one session that may be unanswered at a time.
pub const MAX_IN_FLIGHT: usize = 16;
/// ITEM bytes (meta + body) a stream may send before the first CREDIT.
pub const INITIAL_STREAM_CREDIT_BYTES: u64 = 256 * 1024;
/// Answers of `once` calls kept per session.
pub const STORED_REPLIES: usize = 64;
/// Largest body of a kept answer.
pub const STORED_REPLY_BODY_BYTES: usize = 16 * 1024;
/// Largest chunk-digest list that travels in the meta of `blob.begin`; a longer one is the body.
pub const BLOB_BEGIN_META_DIGEST_BYTES: usize = 32 * 1024;
