//! The shape of a task: which registers a full task writes and in which order (sheet §3.2, §12.26). Knows no values.

use crate::{Block, RegisterInfo};

/// Command words of a full convolution task without DPU_RDMA, tail included.
pub const CONVOLUTION_WORDS: usize = 117;
/// Command words of a full convolution task with DPU_RDMA, tail included.
pub const CONVOLUTION_RDMA_WORDS: usize = 137;
/// Words of a tail: next address, next amount, barrier, start.
pub const TAIL_WORDS: usize = 4;
/// Start mask of a convolution without DPU_RDMA.
pub const MASK_CONVOLUTION: u32 = 0x0F;
/// Start mask of a convolution with DPU_RDMA.
pub const MASK_CONVOLUTION_RDMA: u32 = 0x1F;
/// `S_POINTER` of every vendor task: pointer and executer alternate by themselves.
pub const S_POINTER_PING_PONG: u32 = 0x0E;
/// Interrupt mask of a task that ends in the DPU: done, both groups (§3.4).
pub const INTERRUPT_DPU: u32 = 0x300;
/// Clears every interrupt bit (§3.5).
pub const INTERRUPT_CLEAR_ALL: u32 = 0x1FFFF;
/// DMA read and write errors.
pub const INTERRUPT_DMA_ERRORS: u32 = 0x3000;
/// `DMA_CON0` of every decoded task (§9.4).
pub const DMA_CON0_VALUE: u32 = 0x0017_1C07;
/// Largest task count of one start (§3.2).
pub const MAX_TASKS_PER_START: u32 = 4095;
/// Streams start on this many bytes; padding lies between them (§12.4).
pub const STREAM_ALIGNMENT_BYTES: usize = 64;

/// Registers that a full task of a block writes, in order, `S_POINTER` and status excluded.
pub fn body(block: Block) -> impl Iterator<Item = &'static RegisterInfo> {
    block
        .registers()
        .iter()
        .copied()
        .filter(move |register| register.offset - block.base() > 0x08)
}
