//! The blocks of the NPU: where they lie and how command words and the start broadcast name them (sheet §2.1).

use crate::RegisterInfo;

/// A block of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Block {
    /// Program controller.
    Pc,
    /// Feature and weight loader, convolution buffer, sequence controller.
    Cna,
    /// Multiplier array.
    Cmac,
    /// Accumulator.
    Core,
    /// Post-processing and output writer.
    Dpu,
    /// Operand reader of the DPU.
    DpuRdma,
    /// Pooling.
    Ppu,
    /// Reader of the pooling unit.
    PpuRdma,
    /// Bus arbitration and traffic counters.
    Ddma,
    /// Second bus arbiter.
    Sdma,
    /// Broadcast of starts.
    Global,
}

impl Block {
    /// Every block, by rising offset.
    pub const ALL: [Self; 11] = [
        Self::Pc,
        Self::Cna,
        Self::Cmac,
        Self::Core,
        Self::Dpu,
        Self::DpuRdma,
        Self::Ppu,
        Self::PpuRdma,
        Self::Ddma,
        Self::Sdma,
        Self::Global,
    ];

    /// The blocks that execute tasks, in the order of their broadcast bits.
    pub const EXECUTING: [Self; 7] = [
        Self::Cna,
        Self::Cmac,
        Self::Core,
        Self::Dpu,
        Self::DpuRdma,
        Self::Ppu,
        Self::PpuRdma,
    ];

    /// Name as in the hardware sheet.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pc => "PC",
            Self::Cna => "CNA",
            Self::Cmac => "CMAC",
            Self::Core => "CORE",
            Self::Dpu => "DPU",
            Self::DpuRdma => "DPU_RDMA",
            Self::Ppu => "PPU",
            Self::PpuRdma => "PPU_RDMA",
            Self::Ddma => "DDMA",
            Self::Sdma => "SDMA",
            Self::Global => "GLOBAL",
        }
    }

    /// Offset of its 4 KiB page from the window's base.
    pub const fn base(self) -> u32 {
        match self {
            Self::Pc => 0x0000,
            Self::Cna => 0x1000,
            Self::Cmac => 0x2000,
            Self::Core => 0x3000,
            Self::Dpu => 0x4000,
            Self::DpuRdma => 0x5000,
            Self::Ppu => 0x6000,
            Self::PpuRdma => 0x7000,
            Self::Ddma => 0x8000,
            Self::Sdma => 0x9000,
            Self::Global => 0xF000,
        }
    }

    /// Target of command words for this block, low bit included; `None` where words cannot reach it.
    pub const fn target(self) -> Option<u16> {
        match self {
            Self::Pc => Some(0x0101),
            Self::Cna => Some(0x0201),
            Self::Cmac => Some(0x0401),
            Self::Core => Some(0x0801),
            Self::Dpu => Some(0x1001),
            Self::DpuRdma => Some(0x2001),
            Self::Ppu => Some(0x4001),
            Self::PpuRdma => Some(0x8001),
            Self::Ddma | Self::Sdma | Self::Global => None,
        }
    }

    /// Position among [`Self::EXECUTING`], which is its bit in the start broadcast (`GLOBAL.OPERATION_ENABLE`).
    pub const fn enable_bit(self) -> Option<u32> {
        match self {
            Self::Cna => Some(0),
            Self::Cmac => Some(1),
            Self::Core => Some(2),
            Self::Dpu => Some(3),
            Self::DpuRdma => Some(4),
            Self::Ppu => Some(5),
            Self::PpuRdma => Some(6),
            _ => None,
        }
    }

    /// The block whose page holds an offset.
    pub fn at(offset: u32) -> Option<Self> {
        // Pages follow each other in the order of `ALL`; only the last block lies apart.
        let page = (offset >> 12) as usize;
        let block = Self::ALL[page.min(Self::ALL.len() - 1)];
        (block.base() == offset & !0xFFF).then_some(block)
    }

    /// The block a target names.
    pub fn from_target(target: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|block| block.target() == Some(target))
    }

    /// Its known registers by rising offset.
    pub const fn registers(self) -> &'static [&'static RegisterInfo] {
        match self {
            Self::Pc => crate::pc::REGISTERS,
            Self::Cna => crate::cna::REGISTERS,
            Self::Cmac => crate::cmac::REGISTERS,
            Self::Core => crate::core::REGISTERS,
            Self::Dpu => crate::dpu::REGISTERS,
            Self::DpuRdma => crate::dpu_rdma::REGISTERS,
            Self::Ddma => crate::ddma::REGISTERS,
            Self::Global => crate::global::REGISTERS,
            Self::Ppu => crate::ppu::REGISTERS,
            Self::PpuRdma => crate::ppu_rdma::REGISTERS,
            Self::Sdma => crate::sdma::REGISTERS,
        }
    }
}

/// Words of a block's page that can be registers.
const PLACES: usize = 256;

/// For each place of each block, in the order of [`Block::ALL`], the position in its table plus one. A program is looked up word by
/// word, and a search would read one register of the table a step.
static POSITIONS: [[u8; PLACES]; Block::ALL.len()] = {
    let mut positions = [[0; PLACES]; Block::ALL.len()];
    let mut block = 0;
    while block < Block::ALL.len() {
        let registers = Block::ALL[block].registers();
        let mut at = 0;
        while at < registers.len() {
            let place = (registers[at].offset - Block::ALL[block].base()) / 4;
            positions[block][place as usize] = at as u8 + 1;
            at += 1;
        }
        block += 1;
    }
    positions
};

/// The register at an offset from the window's base.
pub fn register_at(offset: u32) -> Option<&'static RegisterInfo> {
    let block = Block::at(offset)?;
    let place = (offset - block.base()) as usize;
    let position = *POSITIONS[block as usize]
        .get(place / 4)
        .filter(|_| place.is_multiple_of(4))?;
    let at = usize::from(position).checked_sub(1)?;
    Some(block.registers()[at])
}
