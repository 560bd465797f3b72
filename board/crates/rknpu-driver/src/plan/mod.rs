//! Checks the operations of a job before anything starts, turns handles into device addresses, and cuts each operation into
//! hardware tasks, one file per kind. Knows shapes and addresses, writes no registers.

mod convolution;
mod matmul;
mod point_wise;
mod pool;
mod starts;
mod tiling;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use alloc::format;
use alloc::vec::Vec;

use npu_device::{BufferRange, BufferTable, DeviceError, Operation, RawCommands};
use npu_regs::MAX_STREAM_WORDS;
use npu_regs::task::{INTERRUPT_DPU, INTERRUPT_PPU, MAX_TASKS_PER_START};

use crate::soc::Soc;
use crate::sum::PartialSum;
use crate::task::{RawTask, TaskPlan, Work};
pub(crate) use starts::{Limits, Start, starts};

/// Operands start on this many bytes.
const OPERAND_ALIGNMENT: u64 = 64;
/// Streams that callers built start on this many bytes: the register's unit.
const RAW_ALIGNMENT: u64 = 16;
/// Most tasks of one job: bounds the plan's memory.
const MAX_JOB_TASKS: usize = 1 << 16;

/// A job cut into tasks.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) tasks: Vec<TaskPlan>,
    pub(crate) sums: Vec<PartialSum>,
}

/// Bytes of device memory that a job needs beside its operands: results of parts of K.
pub(crate) fn scratch_bytes(operations: &[Operation], soc: &Soc) -> u64 {
    let of = |operation: &Operation| match operation {
        Operation::MatmulInt8(product) => matmul::Request::from(product).scratch_bytes(soc.max_k),
        Operation::MatmulFp16(product) => matmul::Request::from(product).scratch_bytes(soc.max_k),
        _ => 0,
    };
    operations.iter().map(of).fold(0, u64::saturating_add)
}

/// Plans all operations of a job, in order. `scratch` is an address with [`scratch_bytes`] bytes.
pub(crate) fn plan(
    operations: &[Operation],
    buffers: &BufferTable,
    soc: &Soc,
    scratch: u32,
) -> Result<Plan, DeviceError> {
    if operations.is_empty() {
        return Err(DeviceError::Invalid("operations: a job has at least one".into()));
    }
    let mut planner = Planner {
        buffers,
        soc,
        operation: 0,
        next_scratch: u64::from(scratch),
        tasks: Vec::new(),
        sums: Vec::new(),
    };
    for (index, operation) in operations.iter().enumerate() {
        planner.operation = index;
        match operation {
            Operation::MatmulInt8(product) => planner.matmul(&product.into())?,
            Operation::MatmulFp16(product) => planner.matmul(&product.into())?,
            Operation::Convolution(convolution) => planner.convolution(convolution)?,
            Operation::ActivatedConvolution(activated) => planner.activated(activated)?,
            Operation::Add(add) => planner.add(add)?,
            Operation::AddFp16(add) => planner.add_fp16(add)?,
            Operation::Pool(pool) => planner.pool(pool)?,
            Operation::Activation(activation) => planner.activation(activation)?,
            Operation::Requantize(requantize) => planner.requantize(requantize)?,
            Operation::Dequantize(dequantize) => planner.dequantize(dequantize)?,
            Operation::Raw(raw) => planner.raw(raw)?,
        }
    }
    Ok(Plan {
        tasks: planner.tasks,
        sums: planner.sums,
    })
}

/// A plan in the making.
struct Planner<'a> {
    buffers: &'a BufferTable,
    soc: &'a Soc,
    /// Index of the operation being planned.
    operation: usize,
    next_scratch: u64,
    tasks: Vec<TaskPlan>,
    sums: Vec<PartialSum>,
}

impl Planner<'_> {
    fn push(&mut self, work: Work) {
        self.tasks.push(TaskPlan {
            operation: self.operation,
            work,
        });
    }

    /// Refuses a job that becomes too long, before its tasks take memory.
    fn reserve(&self, more: usize) -> Result<(), DeviceError> {
        if self.tasks.len().saturating_add(more) > MAX_JOB_TASKS {
            return Err(DeviceError::Invalid(format!(
                "operations: more than {MAX_JOB_TASKS} hardware tasks"
            )));
        }
        Ok(())
    }

    fn take_scratch(&mut self, bytes: u64) -> Result<u32, DeviceError> {
        let first = u32::try_from(self.next_scratch)
            .map_err(|_| DeviceError::Invalid("operations: partial results pass 4 GiB".into()))?;
        self.next_scratch += bytes;
        Ok(first)
    }

    fn address(&self, at: BufferRange, bytes: u64, what: &str) -> Result<u32, DeviceError> {
        if !at.offset.is_multiple_of(OPERAND_ALIGNMENT) {
            return Err(DeviceError::Invalid(format!(
                "{what}: offset {} is no multiple of {OPERAND_ALIGNMENT}",
                at.offset
            )));
        }
        self.buffers.resolve(at, bytes, what)
    }

    fn refuse_overlap(
        &self,
        (start, bytes): (u32, u64),
        operands: &[(u32, u64)],
        what: &str,
    ) -> Result<(), DeviceError> {
        let overlaps = |&(other, other_bytes): &(u32, u64)| {
            u64::from(start) < u64::from(other) + other_bytes && u64::from(other) < u64::from(start) + bytes
        };
        if operands.iter().any(overlaps) {
            return Err(DeviceError::Invalid(format!(
                "{what}: overlaps an operand of the same operation"
            )));
        }
        Ok(())
    }

    fn raw(&mut self, raw: &RawCommands) -> Result<(), DeviceError> {
        if raw.words == 0 || raw.words as usize > MAX_STREAM_WORDS {
            return Err(DeviceError::Invalid(format!(
                "words = {}: 1 to {MAX_STREAM_WORDS}, longer streams hang the fetch unit (erratum 6)",
                raw.words
            )));
        }
        if raw.tasks == 0 || raw.tasks > MAX_TASKS_PER_START {
            return Err(DeviceError::Invalid(format!(
                "tasks = {}: 1 to {MAX_TASKS_PER_START}",
                raw.tasks
            )));
        }
        if ![INTERRUPT_DPU, INTERRUPT_PPU].contains(&raw.interrupt_mask) {
            return Err(DeviceError::Invalid(format!(
                "interrupt mask 0x{:X}: 0x300 or 0xC00 (sheet §3.4)",
                raw.interrupt_mask
            )));
        }
        if !raw.commands.offset.is_multiple_of(RAW_ALIGNMENT) {
            return Err(DeviceError::Invalid(format!(
                "commands: offset {} is no multiple of {RAW_ALIGNMENT}",
                raw.commands.offset
            )));
        }
        for &buffer in &raw.operands {
            self.buffers.get(buffer)?;
        }
        let address = self
            .buffers
            .resolve(raw.commands, u64::from(raw.words) * 8, "commands")?;
        self.reserve(1)?;
        self.push(Work::Raw(RawTask {
            address,
            words: raw.words,
            tasks: raw.tasks,
            interrupt_mask: raw.interrupt_mask,
        }));
        Ok(())
    }
}
