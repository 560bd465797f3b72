//! The tables of the element-wise stage, and the rescale of BN that brings values to their input (sheet §2.6).

use npu_regs::stage::Bn;
use npu_regs::{Bits, dpu};

use super::program::TaskValues;
use super::rescale;
use crate::task::Lookup;

/// EW: the tables instead of an operand.
const TABLES: u32 = 0x302;
/// The vendor's choice of tables and priorities.
const LUT_CFG: u32 = 0x68;

/// Sets both. LE covers the negative inputs, LO the others; the slopes outside stay 0.
pub(super) fn set(values: &mut TaskValues, lookup: &Lookup) {
    rescale::set::<Bn>(values, &lookup.rescale);
    values.set(Bits::<dpu::EW_CFG>::raw(TABLES));
    values.set(Bits::<dpu::LUT_CFG>::raw(LUT_CFG));
    let step_shift = u32::from(lookup.step_shift);
    let steps = Bits::new().with(dpu::LUT_INFO::LUT_LO_INDEX_SELECT, step_shift);
    values.set(steps.with(dpu::LUT_INFO::LUT_LE_INDEX_SELECT, step_shift));
    let reach = 512u32 << step_shift;
    values.set(Bits::<dpu::LUT_LE_START>::raw(reach.wrapping_neg()));
    values.set(Bits::<dpu::LUT_LO_END>::raw(reach));
}
