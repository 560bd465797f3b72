//! CMAC and CORE registers of a convolution task (sheet §2.3, §2.5).

use npu_device::Precision;
use npu_regs::{Bits, cmac, core};

use super::loader::FP16;
use super::program::TaskValues;
use crate::task::{ConvolutionTask, Source};

/// Sets them.
pub(super) fn set(values: &mut TaskValues, plan: &ConvolutionTask) {
    let precision = match plan.precision {
        Precision::Int8 => 0,
        Precision::Fp16 => FP16,
    };
    let depthwise = u32::from(plan.source == Source::Depthwise);
    let array = Bits::new().with(cmac::MISC_CFG::QD_EN, 1);
    let array = array.with(cmac::MISC_CFG::DW_EN, depthwise);
    values.set(array.with(cmac::MISC_CFG::PROC_PRECISION, precision));
    let accumulator = Bits::new().with(core::MISC_CFG::DW_EN, depthwise);
    values.set(accumulator.with(core::MISC_CFG::PROC_PRECISION, precision));
    let size = Bits::new().with(core::DATAOUT_SIZE_0::DATAOUT_WIDTH, plan.out_width as u32 - 1);
    values.set(size.with(core::DATAOUT_SIZE_0::DATAOUT_HEIGHT, plan.out_rows as u32 - 1));
    let channels = plan.aligned_kernels() as u32 - 1;
    values.set(Bits::new().with(core::DATAOUT_SIZE_1::DATAOUT_CHANNEL, channels));
}
