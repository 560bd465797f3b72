//! Command streams that the caller built, for people who program the NPU by hand.

use alloc::vec::Vec;

use crate::{BufferId, BufferRange};

/// A chain of command streams in device memory. All addresses in it, those of the tails included, are device addresses
/// (see [`crate::Accelerator::device_address`]). It is one hardware start of its own; wrong words end as they do on the
/// hardware: in a fault where the device can name it, in a time-out elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawCommands {
    /// First word of the first stream.
    pub commands: BufferRange,
    /// Words of the first stream, at most 1024; each tail says the length of the next one.
    pub words: u32,
    /// Tasks of the chain, at most 4095.
    pub tasks: u32,
    /// Interrupt mask of the last task: 0x300 for one that ends in the DPU, 0xC00 for pooling (which raises no interrupt on
    /// RK3568: the driver then watches the task counter).
    pub interrupt_mask: u32,
    /// Buffers that the words name by address, so that they cannot be freed while the job runs.
    pub operands: Vec<BufferId>,
}
