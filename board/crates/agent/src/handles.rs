//! A session's table of objects: slot, generation, kind. Knows what an object is called, not what it does.

use std::sync::Arc;

use link::ErrorCode;
use link::message::call::{Handle, HandleKind};
use npu_device::BufferId;

use crate::failure::Failure;
use crate::job::Job;
use crate::store::BlobId;

/// Objects one session may hold.
const MAX_OBJECTS: usize = 65_536;

/// A model is named by its manifest.
pub type ModelId = BlobId;
/// An inference, unique for the life of the agent.
pub type InferenceId = u64;

/// What a handle stands for.
#[derive(Clone)]
pub enum Object {
    /// Device memory.
    Buffer {
        /// The device's name for it.
        id: BufferId,
        /// Size.
        size_bytes: u64,
    },
    /// A job.
    Job(Arc<Job>),
    /// One reference to a loaded model.
    Model(ModelId),
    /// An inference, which holds one reference to its model.
    Inference(InferenceId),
}

impl Object {
    /// Its kind.
    pub const fn kind(&self) -> HandleKind {
        match self {
            Self::Buffer { .. } => HandleKind::Buffer,
            Self::Job(_) => HandleKind::Job,
            Self::Model(_) => HandleKind::Model,
            Self::Inference(_) => HandleKind::Inference,
        }
    }
}

#[derive(Default)]
struct Slot {
    generation: u32,
    object: Option<Object>,
}

/// The table.
#[derive(Default)]
pub struct HandleTable {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl HandleTable {
    /// Issues a handle.
    pub fn insert(&mut self, object: Object) -> Result<Handle, Failure> {
        let kind = object.kind();
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() < MAX_OBJECTS => {
                self.slots.push(Slot::default());
                self.slots.len() as u32 - 1
            }
            None => {
                let cause = format!("a session holds at most {MAX_OBJECTS} objects");
                return Err(Failure::new(ErrorCode::OutOfMemory, cause).remedy("Free buffers and close inferences."));
            }
        };
        let entry = &mut self.slots[slot as usize];
        entry.generation += 1;
        entry.object = Some(object);
        Ok(Handle {
            slot,
            generation: entry.generation,
            kind,
        })
    }

    /// The object behind a handle.
    pub fn get(&self, handle: Handle) -> Result<&Object, Failure> {
        let slot = self
            .slots
            .get(handle.slot as usize)
            .filter(|slot| slot.generation == handle.generation);
        slot.and_then(|slot| slot.object.as_ref())
            .filter(|object| object.kind() == handle.kind)
            .ok_or_else(|| {
                let Handle { slot, generation, kind } = handle;
                Failure::new(
                    ErrorCode::StaleHandle,
                    format!("{kind:?} {slot}.{generation} was freed or never issued"),
                )
                .number("slot", u64::from(slot))
                .number("generation", u64::from(generation))
            })
    }

    /// Takes the object away; the handle is stale from here on.
    pub fn remove(&mut self, handle: Handle) -> Result<Object, Failure> {
        self.get(handle)?;
        let slot = &mut self.slots[handle.slot as usize];
        // A slot whose generation ran out is never issued again.
        if slot.generation < u32::MAX {
            self.free.push(handle.slot);
        }
        slot.object
            .take()
            .ok_or_else(|| Failure::new(ErrorCode::Internal, "a live slot without an object"))
    }

    /// Takes everything.
    pub fn drain(&mut self) -> Vec<Object> {
        self.free.clear();
        self.slots.drain(..).filter_map(|slot| slot.object).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_handle_stays_stale_when_its_slot_is_used_again() {
        let mut table = HandleTable::default();
        let buffer = |slot| Object::Buffer {
            id: BufferId { slot, generation: 1 },
            size_bytes: 1,
        };
        let old = table.insert(buffer(0)).unwrap();
        table.remove(old).unwrap();
        let new = table.insert(buffer(1)).unwrap();
        assert_eq!((new.slot, new.generation), (old.slot, old.generation + 1));
        assert_eq!(table.get(old).err().map(|f| f.code), Some(ErrorCode::StaleHandle));
        assert!(table.get(new).is_ok());
        let other_kind = Handle {
            kind: HandleKind::Model,
            ..new
        };
        assert_eq!(
            table.get(other_kind).err().map(|f| f.code),
            Some(ErrorCode::StaleHandle)
        );
    }
}
