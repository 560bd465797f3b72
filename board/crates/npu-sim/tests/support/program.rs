//! A task as values of registers; everything not named is 0, as in the vendor's tasks. Knows no order of words.

use std::collections::BTreeMap;

use npu_regs::{Block, task::Mix};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Register offset → value.
    pub registers: BTreeMap<u32, u32>,
    pub mix: Mix,
    /// Words that go to the table's data register (0x4104) one after another; a plain task writes it once.
    pub table: Vec<i16>,
}

impl Program {
    pub fn new(mix: Mix) -> Self {
        let mut program = Self {
            registers: BTreeMap::new(),
            mix,
            table: Vec::new(),
        };
        for block in mix.blocks() {
            program.set(block.base() + 4, 0x0E);
        }
        program
    }

    pub fn set(&mut self, offset: u32, value: u32) -> &mut Self {
        self.registers.insert(offset, value);
        self
    }

    pub fn set_all(&mut self, values: &[(u32, u32)]) -> &mut Self {
        self.registers.extend(values.iter().copied());
        self
    }

    pub fn get(&self, offset: u32) -> u32 {
        self.registers.get(&offset).copied().unwrap_or(0)
    }

    pub fn has(&self, block: Block) -> bool {
        self.mix.blocks().contains(&block)
    }
}

/// The mix of a convolution with or without DPU_RDMA.
pub fn convolution(rdma: bool) -> Mix {
    if rdma { Mix::ConvolutionRdma } else { Mix::Convolution }
}
