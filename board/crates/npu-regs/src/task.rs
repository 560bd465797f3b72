//! The shape of a task: which registers a full task writes and in which order (sheet §3.2, §12.26). Knows no values.

use crate::{Block, RegisterInfo};

/// Command words of a full convolution task without DPU_RDMA, tail included.
pub const CONVOLUTION_WORDS: usize = 117;
/// Command words of a full convolution task with DPU_RDMA, tail included.
pub const CONVOLUTION_RDMA_WORDS: usize = 137;
/// Command words of a full task of DPU and DPU_RDMA alone, tail included.
pub const DPU_WORDS: usize = 73;
/// Command words of a full pooling task, tail included.
pub const POOLING_WORDS: usize = 33;
/// Command words of the vendor's task that loads one activation table: a DPU task and the entries.
pub const TABLE_WORDS: usize = 588;
/// Words of a tail: next address, next amount, barrier, start.
pub const TAIL_WORDS: usize = 4;
/// Start mask of a convolution without DPU_RDMA.
pub const MASK_CONVOLUTION: u32 = 0x0F;
/// Start mask of a convolution with DPU_RDMA.
pub const MASK_CONVOLUTION_RDMA: u32 = 0x1F;
/// Start mask of a task of DPU and DPU_RDMA alone.
pub const MASK_DPU: u32 = 0x18;
/// Start mask of a pooling task.
pub const MASK_POOLING: u32 = 0x60;
/// `S_POINTER` of every vendor task: pointer and executer alternate by themselves.
pub const S_POINTER_PING_PONG: u32 = 0x0E;
/// Interrupt mask of a task that ends in the DPU: done, both groups (§3.4).
pub const INTERRUPT_DPU: u32 = 0x300;
/// Interrupt mask of a pooling task (§3.4); on RK3568 these bits never rise (erratum 10).
pub const INTERRUPT_PPU: u32 = 0xC00;
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

/// Registers that exist but that the vendor's tasks never write: the clock gate, the accumulator's shift, and four that tasks of the open
/// compiler (S-mesa, §11) write beside the vendor's set.
const OUTSIDE_VENDOR_TASKS: [u32; 6] = [0x1090, 0x301C, 0x1180, 0x4058, 0x405C, 0x506C];

/// The four block mixes of known tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// CNA, CMAC, CORE, DPU.
    Convolution,
    /// The same with DPU_RDMA: parameter stream, element-wise operand.
    ConvolutionRdma,
    /// DPU fed by DPU_RDMA.
    Dpu,
    /// PPU fed by PPU_RDMA.
    Pooling,
}

impl Mix {
    /// Every mix.
    pub const ALL: [Self; 4] = [Self::Convolution, Self::ConvolutionRdma, Self::Dpu, Self::Pooling];

    /// The mix a start mask asks for (§2.1).
    pub fn of_mask(mask: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|mix| mix.mask() == mask)
    }

    /// Its start mask.
    pub const fn mask(self) -> u32 {
        match self {
            Self::Convolution => MASK_CONVOLUTION,
            Self::ConvolutionRdma => MASK_CONVOLUTION_RDMA,
            Self::Dpu => MASK_DPU,
            Self::Pooling => MASK_POOLING,
        }
    }

    /// Words of a full task, tail included.
    pub const fn words(self) -> usize {
        match self {
            Self::Convolution => CONVOLUTION_WORDS,
            Self::ConvolutionRdma => CONVOLUTION_RDMA_WORDS,
            Self::Dpu => DPU_WORDS,
            Self::Pooling => POOLING_WORDS,
        }
    }

    /// Its blocks, in the order their registers are written.
    pub const fn blocks(self) -> &'static [Block] {
        const ALL: [Block; 5] = [Block::Cna, Block::Cmac, Block::Core, Block::Dpu, Block::DpuRdma];
        match self {
            Self::Convolution => &[Block::Cna, Block::Cmac, Block::Core, Block::Dpu],
            Self::ConvolutionRdma => &ALL,
            Self::Dpu => &[Block::Dpu, Block::DpuRdma],
            Self::Pooling => &[Block::Ppu, Block::PpuRdma],
        }
    }

    /// Every register write of a full task in the vendor's order, tail excluded: first the pointers, with `CBUF_CON0`
    /// between those of CORE and DPU, then block after block.
    pub fn writes(self) -> impl Iterator<Item = &'static RegisterInfo> {
        self.preamble()
            .chain(self.blocks().iter().flat_map(|&block| body(block)))
    }

    /// What precedes the bodies: the pointers, and the early `CBUF_CON0` of convolutions.
    pub fn preamble(self) -> impl Iterator<Item = &'static RegisterInfo> {
        self.blocks().iter().flat_map(|&block| {
            let early = (block == Block::Core).then_some(0x1040);
            [Some(block.base() + 4), early]
                .into_iter()
                .flatten()
                .filter_map(crate::register_at)
        })
    }
}

/// Registers that a full task of a block writes, in order, `S_POINTER` and status excluded.
pub fn body(block: Block) -> impl Iterator<Item = &'static RegisterInfo> {
    block
        .registers()
        .iter()
        .copied()
        .filter(move |register| register.offset - block.base() > 0x08)
        .filter(|register| !OUTSIDE_VENDOR_TASKS.contains(&register.offset))
}
