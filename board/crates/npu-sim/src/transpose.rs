//! int16 transposition on the DPU: a row of the sheet (§2.7) whose registers are decoded and whose arithmetic is not, so it is
//! refused by name when it runs (§12.21) and judged by the values of its row when it is only read.

use npu_regs::{Register, dpu, dpu_rdma};

use crate::fault::FaultKind;
use crate::file::{View, broken};
use crate::rules;

/// Why such a task is within the sheet and does not run.
pub(crate) const NOT_RUN: &str = "int16 transposition: decoded (§2.7), not simulated (§12.21)";

/// Whether the task transposes.
pub(crate) fn wanted(view: &View<'_>) -> bool {
    view.set(dpu::FEATURE_MODE_CFG::TP_EN)
}

/// Holds the registers that the row lists against it.
pub(crate) fn check(view: &View<'_>) -> Result<(), FaultKind> {
    row::<dpu::FEATURE_MODE_CFG>(view, 0x4000_0109)?;
    row::<dpu::DATA_FORMAT>(view, 0x2400_0001)?;
    row::<dpu::BS_OW_CFG>(view, 0x7FE)?;
    row::<dpu_rdma::FEATURE_MODE_CFG>(view, 0xC021)
}

fn row<R: Register>(view: &View<'_>, value: u32) -> Result<(), FaultKind> {
    let found = view.raw::<R>();
    if found == value {
        Ok(())
    } else {
        Err(broken(R::INFO, "", found, rules::TRANSPOSE))
    }
}
