//! BS and BN as a rescale by operands that all channels share (sheet §2.6).

use npu_device::Rescale;
use npu_regs::Bits;
use npu_regs::stage::ScaleStage;

use super::program::TaskValues;

/// Bypass of BS and BN as the vendor writes it.
pub(super) const BYPASS: u32 = 0x53;
/// Operands from registers, add and multiply, no rectifier.
pub(super) const ADD_AND_MULTIPLY: u32 = 0x48;

/// Sets one of them.
pub(super) fn set<S: ScaleStage>(values: &mut TaskValues, rescale: &Rescale) {
    if *rescale == Rescale::IDENTITY {
        return values.set(Bits::<S::Config>::raw(BYPASS));
    }
    values.set(Bits::<S::Config>::raw(ADD_AND_MULTIPLY));
    values.set(Bits::<S::Alu>::raw(rescale.offset as u32));
    let multiplier = Bits::new().with(S::OPERAND, u32::from(rescale.multiplier as u16));
    values.set(multiplier.with(S::SHIFT, u32::from(rescale.shift)));
}
