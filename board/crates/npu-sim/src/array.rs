//! CMAC and CORE of a task, checked against what the loader sends. Knows dense int8 only.

use npu_regs::{cmac, core};

use crate::cna::Convolution;
use crate::fault::FaultKind;
use crate::file::View;
use crate::rules;

/// Checks both blocks.
pub(crate) fn check(view: &View<'_>, task: &Convolution) -> Result<(), FaultKind> {
    view.only(cmac::MISC_CFG::PROC_PRECISION, 0, "int8 (0)")?;
    view.only(cmac::MISC_CFG::DW_EN, 0, "dense (0)")?;
    view.only(core::MISC_CFG::PROC_PRECISION, 0, "int8 (0)")?;
    view.only(core::MISC_CFG::DW_EN, 0, "dense (0)")?;
    view.held(
        core::DATAOUT_SIZE_0::DATAOUT_WIDTH,
        |v| v as usize + 1 == task.width,
        rules::OUTPUT_SIZE,
    )?;
    view.held(
        core::DATAOUT_SIZE_0::DATAOUT_HEIGHT,
        |v| v as usize + 1 == task.height,
        rules::OUTPUT_SIZE,
    )?;
    view.held(
        core::DATAOUT_SIZE_1::DATAOUT_CHANNEL,
        |v| v as usize + 1 == task.kernels,
        rules::OUTPUT_CHANNELS,
    )?;
    view.whole::<core::REG_302C>(0, "only 0")
}
