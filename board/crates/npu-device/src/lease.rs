//! Buffers that free themselves. A [`Buffer`] holds a token; when the last clone of it is dropped, the table behind the
//! device sees that nobody holds the token any more and frees the memory at its next call.
//!
//! Dropping touches no device and cannot fail, so it is safe in every place, an unwinding one included.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::{BufferId, BufferRange};

/// Device memory that is freed when its last clone is dropped.
#[derive(Clone, Debug)]
pub struct Buffer {
    id: BufferId,
    size_bytes: u64,
    /// Only its count of holders matters.
    _token: Arc<()>,
}

impl Buffer {
    /// The handle, for calls that take one. It is valid while this object lives.
    pub const fn id(&self) -> BufferId {
        self.id
    }

    /// Bytes as asked for.
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The part that starts at a byte offset.
    pub const fn at(&self, offset: u64) -> BufferRange {
        BufferRange {
            buffer: self.id,
            offset,
        }
    }
}

/// The device's side: which buffers are leased and which leases are over.
#[derive(Default)]
pub struct Leases {
    held: Vec<(Arc<()>, BufferId)>,
}

impl Leases {
    /// No leases.
    pub const fn new() -> Self {
        Self { held: Vec::new() }
    }

    /// Wraps a freshly allocated buffer.
    pub fn grant(&mut self, id: BufferId, size_bytes: u64) -> Buffer {
        let token = Arc::new(());
        self.held.push((Arc::clone(&token), id));
        Buffer {
            id,
            size_bytes,
            _token: token,
        }
    }

    /// Takes out one buffer that nobody holds any more and that `may_free` agrees to.
    pub fn take_dropped(&mut self, mut may_free: impl FnMut(BufferId) -> bool) -> Option<BufferId> {
        let over = |(token, id): &(Arc<()>, BufferId)| Arc::strong_count(token) == 1 && may_free(*id);
        let index = self.held.iter().position(over)?;
        Some(self.held.swap_remove(index).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: BufferId = BufferId { slot: 3, generation: 1 };

    #[test]
    fn a_lease_is_over_when_the_last_clone_is_dropped() {
        let mut leases = Leases::new();
        let buffer = leases.grant(ID, 64);
        let clone = buffer.clone();
        drop(buffer);
        assert_eq!(leases.take_dropped(|_| true), None);
        assert_eq!((clone.id(), clone.size_bytes(), clone.at(8).offset), (ID, 64, 8));
        drop(clone);
        assert_eq!(leases.take_dropped(|_| true), Some(ID));
        assert_eq!(leases.take_dropped(|_| true), None);
    }

    #[test]
    fn a_buffer_that_may_not_be_freed_yet_stays_leased() {
        let mut leases = Leases::new();
        drop(leases.grant(ID, 64));
        assert_eq!(leases.take_dropped(|_| false), None);
        assert_eq!(leases.take_dropped(|id| id == ID), Some(ID));
    }
}
