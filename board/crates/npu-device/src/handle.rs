//! Handles: a slot and the generation it was issued in, so that a stale handle is told apart from a reused slot.

/// A buffer in device (DMA) memory, owned by the accelerator that issued it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId {
    /// Index into the issuer's table.
    pub slot: u32,
    /// Raised each time the slot is given to a new buffer; 0 is never issued.
    pub generation: u32,
}

/// A submitted job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// Part of a buffer: byte offset, the length follows from the operand's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BufferRange {
    /// The buffer.
    pub buffer: BufferId,
    /// First byte used; a multiple of 64 for every operand of a task.
    pub offset: u64,
}
