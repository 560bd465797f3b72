//! Turns planned tasks into command streams in DMA memory. Streams start on 64-byte boundaries with zero words between.

use alloc::vec::Vec;

use npu_device::DeviceError;
use npu_regs::task::STREAM_ALIGNMENT_BYTES;

use crate::memory::Memory;
use crate::task::TaskPlan;
use crate::words;
use crate::words::program::TaskValues;

/// Bytes in front of the first stream that idle and table tasks read and write.
const SCRATCH_BYTES: u64 = 64;
/// Bytes for the two streams that grouping may add.
const SPARE_BYTES: u64 = 4096;
/// The smallest command memory: both tables of an activation and what follows them.
const LEAST_BYTES: u64 = 16 * 1024;
/// What a task takes on average: the stream of a convolution without parameters.
const TASK_BYTES: u64 = 960;

/// Bytes from one stream to the next.
pub(crate) fn stream_bytes(task: &TaskPlan) -> usize {
    (task.words() * 8).next_multiple_of(STREAM_ALIGNMENT_BYTES)
}

/// Where the command streams of a start go.
#[derive(Clone, Copy)]
pub(crate) struct CommandMemory {
    pub(crate) address: u32,
    /// Most planned tasks of a start.
    pub(crate) tasks: usize,
}

impl CommandMemory {
    /// Bytes of memory for starts of so many tasks.
    pub(crate) fn bytes_for(tasks: usize) -> u64 {
        SCRATCH_BYTES + Self::stream_bytes_for(tasks) + SPARE_BYTES
    }

    fn stream_bytes_for(tasks: usize) -> u64 {
        (tasks as u64 * TASK_BYTES).max(LEAST_BYTES)
    }

    /// Bytes of planned streams that one start may have.
    pub(crate) fn stream_limit(&self) -> usize {
        Self::stream_bytes_for(self.tasks) as usize
    }

    fn first_stream(&self) -> u32 {
        self.address + SCRATCH_BYTES as u32
    }
}

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

    /// Words of a start from the first stream on, with padding, and that stream's address.
    pub(crate) fn build(&mut self, tasks: &[TaskPlan], memory: CommandMemory) -> Result<(&[u64], u32), DeviceError> {
        self.words.clear();
        let first = memory.first_stream();
        let mut offset = 0;
        for (index, task) in tasks.iter().enumerate() {
            self.words.resize(offset / 8, 0);
            offset += stream_bytes(task);
            let next = tasks.get(index + 1).map(|next| (first + offset as u32, next.words()));
            words::emit(&mut self.values, &mut self.words, task, next, memory.address)?;
        }
        Ok((&self.words, first))
    }

    /// Builds a start, writes it to memory and says where it begins.
    pub(crate) fn write(
        &mut self,
        tasks: &[TaskPlan],
        commands: CommandMemory,
        memory: &Memory,
    ) -> Result<u32, DeviceError> {
        let (_, first) = self.build(tasks, commands)?;
        self.bytes.clear();
        self.bytes.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        memory.write(first, &self.bytes)?;
        Ok(first)
    }
}
