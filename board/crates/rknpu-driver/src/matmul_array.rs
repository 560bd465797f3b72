//! CMAC and CORE registers of a matrix-product task.

use npu_regs::{Bits, cmac, core};

use crate::plan::TaskPlan;
use crate::program::TaskValues;

/// Sets them.
pub(crate) fn set(values: &mut TaskValues, plan: &TaskPlan) {
    values.set(Bits::new().with(cmac::MISC_CFG::QD_EN, 1));
    let size = Bits::new().with(core::DATAOUT_SIZE_0::DATAOUT_WIDTH, plan.rows as u32 - 1);
    values.set(size.with(core::DATAOUT_SIZE_0::DATAOUT_HEIGHT, 0));
    values.set(Bits::new().with(core::DATAOUT_SIZE_1::DATAOUT_CHANNEL, plan.n as u32 - 1));
}
