//! From one planned task to its command words, one file per group of blocks. Knows registers, no shapes of operations.
//!
//! ```text
//!   loader (CNA) ── array (CMAC, CORE) ── post (DPU stages) ── writer (DPU output) ── operands (DPU_RDMA)     pooling (PPU)
//! ```

mod array;
mod loader;
mod operands;
mod point_wise;
mod pooling;
mod post;
pub(crate) mod program;
mod rescale;
mod tables;
mod writer;

pub(crate) use loader::entries_per_row;

use alloc::vec::Vec;

use npu_device::DeviceError;

use crate::task::{TaskPlan, Work};
use program::{TableWords, TaskValues};

/// Appends the words of a task. `scratch` is a place that idle and table tasks may read and write.
pub(crate) fn emit(
    values: &mut TaskValues,
    words: &mut Vec<u64>,
    task: &TaskPlan,
    next: Option<(u32, usize)>,
    scratch: u32,
) -> Result<(), DeviceError> {
    values.clear();
    let mut table = None;
    match &task.work {
        Work::Convolution(task) => {
            loader::set(values, task);
            array::set(values, task);
            post::set(values, task);
            writer::set(values, task);
            if task.reads_beside() {
                operands::set_beside(values, task);
            }
        }
        Work::PointWise(task) => point_wise::set(values, task),
        Work::Pool(task) => pooling::set(values, task),
        Work::Idle => point_wise::set(values, &crate::task::PointWiseTask::copy(scratch, 4)),
        Work::Table(load) => {
            point_wise::set(values, &crate::task::PointWiseTask::copy(scratch, 1));
            table = Some(TableWords {
                upper: load.upper,
                entries: if load.upper {
                    &load.table.upper
                } else {
                    &load.table.lower
                },
            });
        }
        // The caller's own words are in memory already.
        Work::Raw(_) => return Ok(()),
    }
    values.emit(words, task.mix(), next, table)
}

#[cfg(test)]
mod tests;
