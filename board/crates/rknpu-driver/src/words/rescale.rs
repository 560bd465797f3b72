//! BS and BN as a rescale by operands that all channels share (sheet §2.6).

use npu_device::Rescale;
use npu_regs::{Bits, dpu};

use super::program::TaskValues;

/// Bypass of BS and BN as the vendor writes it.
pub(super) const BYPASS: u32 = 0x53;
/// Operands from registers, add and multiply, no rectifier.
pub(super) const ADD_AND_MULTIPLY: u32 = 0x48;

/// Sets BS.
pub(super) fn set_first(values: &mut TaskValues, rescale: &Rescale) {
    if *rescale == Rescale::IDENTITY {
        return values.set(Bits::<dpu::BS_CFG>::raw(BYPASS));
    }
    values.set(Bits::<dpu::BS_CFG>::raw(ADD_AND_MULTIPLY));
    values.set(Bits::<dpu::BS_ALU_CFG>::raw(rescale.offset as u32));
    let multiplier = Bits::new().with(dpu::BS_MUL_CFG::BS_MUL_OPERAND, u32::from(rescale.multiplier as u16));
    values.set(multiplier.with(dpu::BS_MUL_CFG::BS_MUL_SHIFT_VALUE, u32::from(rescale.shift)));
}

/// Sets BN.
pub(super) fn set_second(values: &mut TaskValues, rescale: &Rescale) {
    if *rescale == Rescale::IDENTITY {
        return values.set(Bits::<dpu::BN_CFG>::raw(BYPASS));
    }
    values.set(Bits::<dpu::BN_CFG>::raw(ADD_AND_MULTIPLY));
    values.set(Bits::<dpu::BN_ALU_CFG>::raw(rescale.offset as u32));
    let multiplier = Bits::new().with(dpu::BN_MUL_CFG::BN_MUL_OPERAND, u32::from(rescale.multiplier as u16));
    values.set(multiplier.with(dpu::BN_MUL_CFG::BN_MUL_SHIFT_VALUE, u32::from(rescale.shift)));
}
