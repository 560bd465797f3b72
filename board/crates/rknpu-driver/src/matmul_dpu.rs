//! DPU registers of a matrix-product task: all stages bypassed, int32 out in 16-byte surfaces (sheet §4.4).
//!
//! The three values marked [INF] there sit here and nowhere else: `DATA_FORMAT`, `SIZE_E` and `SURFACE_ADD`.

use npu_regs::{Bits, dpu};

use crate::plan::TaskPlan;
use crate::program::TaskValues;

/// Bypass of BS and BN as the vendor writes it.
const BYPASS_SCALE: u32 = 0x53;
/// Bypass of EW as the vendor writes it.
const BYPASS_ELEMENT_WISE: u32 = 0x383;
/// Output format code of int32.
const INT32: u32 = 4;
/// Sixteen kernels in surfaces of four int32 channels.
const SURFACES_PER_GROUP: u32 = 4;

/// Sets them.
pub(crate) fn set(values: &mut TaskValues, plan: &TaskPlan) {
    let mode = Bits::new().with(dpu::FEATURE_MODE_CFG::BURST_LEN, 2);
    values.set(mode.with(dpu::FEATURE_MODE_CFG::OUTPUT_MODE, 4));
    values.set(Bits::new().with(dpu::DATA_FORMAT::OUT_PRECISION, INT32));
    values.set(Bits::<dpu::DST_BASE_ADDR>::raw(plan.c));
    // Both strides count 16 bytes, and a pixel of a surface has 16.
    let surface = plan.c_pitch as u32;
    values.set(Bits::new().with(dpu::DST_SURF_STRIDE::DST_SURF_STRIDE, surface));
    values.set(Bits::new().with(dpu::SURFACE_ADD::SURF_ADD, surface.saturating_mul(SURFACES_PER_GROUP)));
    values.set(Bits::new().with(dpu::DATA_CUBE_WIDTH::WIDTH, plan.rows as u32 - 1));
    values.set(Bits::new().with(dpu::DATA_CUBE_HEIGHT::HEIGHT, 0));
    let channels = Bits::new().with(dpu::DATA_CUBE_CHANNEL::ORIG_CHANNEL, plan.n as u32 - 1);
    values.set(channels.with(dpu::DATA_CUBE_CHANNEL::CHANNEL, plan.n as u32 - 1));
    values.set(Bits::<dpu::BS_CFG>::raw(BYPASS_SCALE));
    let size = SURFACES_PER_GROUP - 1;
    let surfaces = Bits::new()
        .with(dpu::BS_OW_CFG::SIZE_E_0, size)
        .with(dpu::BS_OW_CFG::SIZE_E_1, size);
    values.set(surfaces.with(dpu::BS_OW_CFG::SIZE_E_2, size));
    values.set(Bits::<dpu::BN_CFG>::raw(BYPASS_SCALE));
    values.set(Bits::<dpu::EW_CFG>::raw(BYPASS_ELEMENT_WISE));
    values.set(Bits::new().with(dpu::OUT_CVT_SCALE::OUT_CVT_SCALE, 1));
}
