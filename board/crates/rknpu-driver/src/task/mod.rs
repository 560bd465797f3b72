//! Hardware tasks as the planner leaves them and the builder takes them: shapes, device addresses, banks, one file per kind.
//! Writes no registers.

mod convolution;
mod point_wise;
mod stage;

use alloc::sync::Arc;

use npu_device::{ActivationTable, PoolMethod, Precision, Window};
use npu_regs::task::{Mix, TABLE_WORDS};

pub(crate) use convolution::{ConvolutionTask, Source};
pub(crate) use point_wise::{PointWise, PointWiseTask};
pub(crate) use stage::{Lookup, Operand, Stage, Stream, Written};

/// One hardware task and the operation of the job it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskPlan {
    pub(crate) operation: usize,
    pub(crate) work: Work,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Convolution(ConvolutionTask),
    PointWise(PointWiseTask),
    Pool(PoolTask),
    Table(TableTask),
    /// A copy of a few bytes inside the driver's own memory: evens a count, or ends a chain that would end in the PPU.
    Idle,
    /// A chain that the caller built: a start of its own.
    Raw(RawTask),
}

impl TaskPlan {
    /// The blocks it runs on.
    pub(crate) fn mix(&self) -> Mix {
        match &self.work {
            Work::Convolution(task) if task.reads_beside() => Mix::ConvolutionRdma,
            Work::Convolution(_) => Mix::Convolution,
            Work::Pool(_) => Mix::Pooling,
            Work::PointWise(_) | Work::Table(_) | Work::Idle | Work::Raw(_) => Mix::Dpu,
        }
    }

    /// Command words of its stream.
    pub(crate) fn words(&self) -> usize {
        match &self.work {
            Work::Table(_) => TABLE_WORDS,
            Work::Raw(raw) => raw.words as usize,
            _ => self.mix().words(),
        }
    }
}

/// A pooling task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolTask {
    pub(crate) precision: Precision,
    pub(crate) method: PoolMethod,
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Whole surfaces.
    pub(crate) channels: usize,
    pub(crate) out_width: usize,
    pub(crate) out_height: usize,
    pub(crate) window: Window,
    pub(crate) pad_value: i32,
    pub(crate) input: u32,
    pub(crate) output: u32,
}

/// Loads one activation table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableTask {
    pub(crate) table: Arc<ActivationTable>,
    /// LO instead of LE.
    pub(crate) upper: bool,
}

/// A chain in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawTask {
    pub(crate) address: u32,
    pub(crate) words: u32,
    pub(crate) tasks: u32,
    pub(crate) interrupt_mask: u32,
}
