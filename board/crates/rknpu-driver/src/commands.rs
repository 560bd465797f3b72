//! Turns planned tasks into command streams in DMA memory. Streams start on 64-byte boundaries with zero words between.

use alloc::vec::Vec;

use npu_device::{DeviceError, DmaMem};
use npu_regs::task::{CONVOLUTION_WORDS, STREAM_ALIGNMENT_BYTES};

use crate::plan::TaskPlan;
use crate::program::TaskValues;
use crate::{matmul_array, matmul_cna, matmul_dpu};

/// Bytes from one stream to the next.
pub(crate) const STREAM_BYTES: usize = (CONVOLUTION_WORDS * 8).next_multiple_of(STREAM_ALIGNMENT_BYTES);

/// Reusable buffers: building a start allocates nothing once they have grown.
pub(crate) struct Builder {
    values: TaskValues,
    words: Vec<u64>,
    bytes: Vec<u8>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            values: TaskValues::new(),
            words: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Words of a start whose first stream lies at `address`, [`STREAM_BYTES`] apart.
    pub(crate) fn build(&mut self, tasks: &[TaskPlan], address: u32) -> Result<&[u64], DeviceError> {
        self.words.clear();
        for (index, plan) in tasks.iter().enumerate() {
            self.words.resize(index * STREAM_BYTES / 8, 0);
            self.values.clear();
            matmul_cna::set(&mut self.values, plan);
            matmul_array::set(&mut self.values, plan);
            matmul_dpu::set(&mut self.values, plan);
            let next = address + ((index + 1) * STREAM_BYTES) as u32;
            let next = (index + 1 < tasks.len()).then_some((next, CONVOLUTION_WORDS));
            self.values.emit(&mut self.words, next)?;
        }
        Ok(&self.words)
    }

    /// Builds a start and writes it to memory.
    pub(crate) fn write(&mut self, tasks: &[TaskPlan], address: u32, dma: &dyn DmaMem) -> Result<(), DeviceError> {
        self.build(tasks, address)?;
        self.bytes.clear();
        self.bytes.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        dma.write(address, &self.bytes).map_err(crate::memory_fault)
    }
}
