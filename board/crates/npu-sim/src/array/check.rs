//! CMAC and CORE of a task, checked against what the loader sends (§2.5).

use npu_regs::{cmac, core};

use crate::cna::Convolution;
use crate::fault::FaultKind;
use crate::file::View;
use crate::rules;
use crate::tile::Precision;

/// Checks both blocks.
pub(crate) fn check(view: &View<'_>, task: &Convolution) -> Result<(), FaultKind> {
    let precision = match task.cube.precision {
        Precision::Int8 => 0,
        Precision::Fp16 => 2,
    };
    let depthwise = u32::from(task.cube.depthwise);
    view.held(cmac::MISC_CFG::PROC_PRECISION, |v| v == precision, rules::SAME_MODE)?;
    view.held(cmac::MISC_CFG::DW_EN, |v| v == depthwise, rules::SAME_MODE)?;
    view.held(core::MISC_CFG::PROC_PRECISION, |v| v == precision, rules::SAME_MODE)?;
    view.held(core::MISC_CFG::DW_EN, |v| v == depthwise, rules::SAME_MODE)?;
    let rule = if task.cube.depthwise {
        rules::DEPTHWISE_CHANNELS
    } else {
        rules::OUTPUT_CHANNELS
    };
    let aligned = |v: u32| v as usize + 1 == task.cube.channels;
    view.held(core::DATAOUT_SIZE_1::DATAOUT_CHANNEL, aligned, rule)?;
    view.whole::<core::CLIP_TRUNCATE>(0, "0, never written on RK3568")?;
    view.whole::<core::REG_302C>(0, "only 0")
}
