//! Buffer handles: slot and generation, with a quota. Knows device addresses, not where the memory comes from.
//!
//! A freed slot is reused with a higher generation, so an old handle is `NotFound` and never someone else's buffer.

use alloc::format;
use alloc::vec::Vec;

use crate::{BufferId, BufferRange, CachePolicy, DeviceError};

/// A live buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferEntry {
    /// Device address of the first byte.
    pub address: u32,
    /// Bytes as asked for.
    pub size_bytes: u64,
    /// How the CPU sees it.
    pub policy: CachePolicy,
}

struct Slot {
    generation: u32,
    entry: Option<BufferEntry>,
}

/// The buffers of one owner.
pub struct BufferTable {
    slots: Vec<Slot>,
    used_bytes: u64,
    quota_bytes: u64,
}

impl BufferTable {
    /// An empty table that lets at most `quota_bytes` live at once.
    pub const fn new(quota_bytes: u64) -> Self {
        Self {
            slots: Vec::new(),
            used_bytes: 0,
            quota_bytes,
        }
    }

    /// Bytes of all live buffers.
    pub const fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// Fails when `size_bytes` more would pass the quota, or when nothing was asked for.
    pub fn check_quota(&self, size_bytes: u64) -> Result<(), DeviceError> {
        let free_bytes = self.quota_bytes.saturating_sub(self.used_bytes);
        if size_bytes == 0 {
            return Err(DeviceError::Invalid("size: a buffer has at least one byte".into()));
        }
        if size_bytes > free_bytes {
            return Err(DeviceError::OutOfMemory {
                wanted_bytes: size_bytes,
                free_bytes,
            });
        }
        Ok(())
    }

    /// Records a buffer and issues its handle.
    pub fn insert(&mut self, entry: BufferEntry) -> Result<BufferId, DeviceError> {
        self.check_quota(entry.size_bytes)?;
        // A slot whose generation ran out is never issued again.
        let reusable = self
            .slots
            .iter()
            .position(|slot| slot.entry.is_none() && slot.generation < u32::MAX);
        let index = match reusable {
            Some(index) => index,
            None => {
                self.slots.push(Slot {
                    generation: 0,
                    entry: None,
                });
                self.slots.len() - 1
            }
        };
        let slot = &mut self.slots[index];
        slot.generation += 1;
        slot.entry = Some(entry);
        self.used_bytes += entry.size_bytes;
        Ok(BufferId {
            slot: index as u32,
            generation: slot.generation,
        })
    }

    /// The buffer behind a handle; `NotFound` when it is stale.
    pub fn get(&self, id: BufferId) -> Result<BufferEntry, DeviceError> {
        let slot = self
            .slots
            .get(id.slot as usize)
            .filter(|slot| slot.generation == id.generation);
        slot.and_then(|slot| slot.entry).ok_or(DeviceError::NotFound)
    }

    /// Forgets a buffer and returns it so that its memory can be released.
    pub fn remove(&mut self, id: BufferId) -> Result<BufferEntry, DeviceError> {
        let entry = self.get(id)?;
        self.slots[id.slot as usize].entry = None;
        self.used_bytes -= entry.size_bytes;
        Ok(entry)
    }

    /// Device address of `size_bytes` at `range`, when they all lie inside the buffer. `what` names it in the error.
    pub fn resolve(&self, range: BufferRange, size_bytes: u64, what: &str) -> Result<u32, DeviceError> {
        let entry = self.get(range.buffer)?;
        match range.offset.checked_add(size_bytes) {
            Some(end) if end <= entry.size_bytes => {
                // Nothing at the very end of the address space has no address of its own.
                Ok(entry.address.wrapping_add(range.offset as u32))
            }
            _ => Err(DeviceError::Invalid(format!(
                "{what}: {size_bytes} bytes at offset {} leave the buffer of {} bytes",
                range.offset, entry.size_bytes
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(size_bytes: u64) -> BufferEntry {
        BufferEntry {
            address: 0x1000,
            size_bytes,
            policy: CachePolicy::Cached,
        }
    }

    #[test]
    fn a_stale_handle_is_not_found_after_its_slot_was_reused() {
        let mut table = BufferTable::new(1 << 20);
        let old = table.insert(entry(64)).unwrap();
        table.remove(old).unwrap();
        let new = table.insert(entry(128)).unwrap();
        assert_eq!((new.slot, new.generation), (old.slot, old.generation + 1));
        assert_eq!(table.get(old), Err(DeviceError::NotFound));
        assert_eq!(table.remove(old), Err(DeviceError::NotFound));
        assert_eq!(table.get(new), Ok(entry(128)));
    }

    #[test]
    fn generation_zero_is_never_a_handle() {
        let mut table = BufferTable::new(1 << 20);
        table.insert(entry(64)).unwrap();
        assert_eq!(
            table.get(BufferId { slot: 0, generation: 0 }),
            Err(DeviceError::NotFound)
        );
    }

    #[test]
    fn the_quota_counts_live_bytes_only() {
        let mut table = BufferTable::new(100);
        let first = table.insert(entry(60)).unwrap();
        assert_eq!(
            table.insert(entry(41)),
            Err(DeviceError::OutOfMemory {
                wanted_bytes: 41,
                free_bytes: 40
            })
        );
        table.remove(first).unwrap();
        table.insert(entry(100)).unwrap();
        assert_eq!(table.used_bytes(), 100);
    }

    #[test]
    fn a_range_past_the_end_is_refused_even_when_it_wraps() {
        let mut table = BufferTable::new(100);
        let buffer = table.insert(entry(64)).unwrap();
        assert_eq!(table.resolve(BufferRange { buffer, offset: 32 }, 32, "A"), Ok(0x1020));
        for offset in [33, u64::MAX] {
            let outcome = table.resolve(BufferRange { buffer, offset }, 32, "A");
            assert!(matches!(outcome, Err(DeviceError::Invalid(text)) if text.starts_with("A: 32 bytes at offset")));
        }
    }
}
