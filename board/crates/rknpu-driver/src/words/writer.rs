//! DPU output of a convolution task: formats and surfaces (sheet §2.7).
//!
//! The values marked [INF] in §4.4 sit here and nowhere else: `DATA_FORMAT`, `SIZE_E` and `SURFACE_ADD` of 32-bit results.

use npu_device::Precision;
use npu_regs::{Bits, dpu};

use super::loader::DEPTHWISE;
use super::post::negative_shift;
use super::program::TaskValues;
use crate::task::{ConvolutionTask, Source, Stage, Written};

/// Format codes of `DATA_FORMAT`.
pub(super) const FP16: u32 = 2;
const INT32: u32 = 4;
pub(super) const FP32: u32 = 5;
/// Write bursts of 16.
pub(super) const BURST_16: u32 = 2;
/// Output to memory.
pub(super) const TO_MEMORY: u32 = 4;

/// Sets them.
pub(super) fn set(values: &mut TaskValues, plan: &ConvolutionTask) {
    use dpu::{BS_OW_CFG, DATA_FORMAT, FEATURE_MODE_CFG};
    let mode = Bits::new().with(FEATURE_MODE_CFG::BURST_LEN, BURST_16);
    let mode = mode.with(FEATURE_MODE_CFG::OUTPUT_MODE, TO_MEMORY);
    let depthwise = plan.source == Source::Depthwise;
    values.set(mode.with(FEATURE_MODE_CFG::CONV_MODE, if depthwise { DEPTHWISE } else { 0 }));
    let out = match (&plan.stage, plan.precision) {
        (
            Stage::Integer {
                into: Written::Int8, ..
            },
            _,
        ) => 0,
        (
            Stage::Fp16 { .. }
            | Stage::Integer {
                into: Written::Fp16 { .. },
                ..
            },
            _,
        ) => FP16,
        (Stage::Wide, Precision::Int8) => INT32,
        (Stage::Wide, Precision::Fp16) => FP32,
    };
    let arithmetic = match plan.precision {
        Precision::Int8 => 0,
        Precision::Fp16 => FP16,
    };
    let format = Bits::new().with(DATA_FORMAT::OUT_PRECISION, out);
    let format = format.with(DATA_FORMAT::IN_PRECISION, arithmetic);
    let format = format.with(DATA_FORMAT::BS_MUL_SHIFT_VALUE_NEG, negative_shift(&plan.stage));
    let rescaled = plan.lookup().map_or(0, |lookup| u32::from(lookup.rescale.shift));
    let format = format.with(DATA_FORMAT::BN_MUL_SHIFT_VALUE_NEG, rescaled);
    values.set(format.with(DATA_FORMAT::PROC_PRECISION, arithmetic));
    values.set(Bits::<dpu::DST_BASE_ADDR>::raw(plan.output));
    // Both strides count 16 bytes.
    let surface = plan.out_surface_bytes as u32 / 16;
    let (surface_channels, _) = plan.stage.surface();
    let surfaces = (plan.group() / surface_channels) as u32;
    values.set(Bits::new().with(dpu::DST_SURF_STRIDE::DST_SURF_STRIDE, surface));
    values.set(Bits::new().with(dpu::SURFACE_ADD::SURF_ADD, surface.saturating_mul(surfaces)));
    values.set(Bits::new().with(dpu::DATA_CUBE_WIDTH::WIDTH, plan.out_width as u32 - 1));
    values.set(Bits::new().with(dpu::DATA_CUBE_HEIGHT::HEIGHT, plan.out_rows as u32 - 1));
    let channels = Bits::new().with(dpu::DATA_CUBE_CHANNEL::ORIG_CHANNEL, plan.kernels as u32 - 1);
    values.set(channels.with(dpu::DATA_CUBE_CHANNEL::CHANNEL, plan.aligned_kernels() as u32 - 1));
    let size = surfaces - 1;
    let split = Bits::new().with(BS_OW_CFG::SIZE_E_0, size);
    let split = split.with(BS_OW_CFG::SIZE_E_1, size).with(BS_OW_CFG::SIZE_E_2, size);
    let split = match (&plan.stage, plan.precision, plan.parameters()) {
        (_, _, Some(stream)) => split.with(BS_OW_CFG::OW_SRC, u32::from(stream.full)),
        // A common factor of 0 instead of a bypass, as the vendor's fp16 results of int8 have it.
        (
            Stage::Wide
            | Stage::Integer {
                into: Written::Fp16 { .. },
                ..
            },
            Precision::Int8,
            None,
        ) => split,
        (_, _, None) => split.with(BS_OW_CFG::OD_BYPASS, 1),
    };
    values.set(split);
}
