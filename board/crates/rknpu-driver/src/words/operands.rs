//! DPU_RDMA registers: what a convolution reads beside its features, and the operands of point-wise tasks (sheet §2.8).

use npu_device::Precision;
use npu_regs::{Bits, dpu_rdma};

use super::program::TaskValues;
use super::writer::FP16;
use crate::task::{ConvolutionTask, PointWiseTask, Source, Stream};

/// The reader's modes as the vendor writes them: burst 8, main input off (§2.3, §12.1).
const BESIDE_DENSE: u32 = 0x4000;
const BESIDE_DEPTHWISE: u32 = 0x4006;
/// Main input on.
const MAIN_INPUT: u32 = 0x4001;
/// All four arbiter weights are 1.
const ARBITER_WEIGHTS: u32 = 0x0101_0101;
/// Stream words: bias, factor and multiplier, or the bias alone (§12.15).
const USE_ALL: u32 = 0x7;
const USE_BIAS: u32 = 0x1;

fn common(values: &mut TaskValues, width: usize, height: usize, channels: usize) {
    values.set(Bits::new().with(dpu_rdma::DATA_CUBE_WIDTH::WIDTH, width as u32 - 1));
    values.set(Bits::new().with(dpu_rdma::DATA_CUBE_HEIGHT::HEIGHT, height as u32 - 1));
    values.set(Bits::new().with(dpu_rdma::DATA_CUBE_CHANNEL::CHANNEL, channels as u32 - 1));
    values.set(Bits::new().with(dpu_rdma::NRDMA_CFG::NRDMA_DISABLE, 1));
    values.set(Bits::<dpu_rdma::WEIGHT>::raw(ARBITER_WEIGHTS));
}

/// The reader's mode with the formats of fp16 where its maps are that.
fn mode(values: &mut TaskValues, mode: u32, precision: Precision) {
    use dpu_rdma::FEATURE_MODE_CFG;
    let formats = match precision {
        Precision::Int8 => 0,
        Precision::Fp16 => FP16,
    };
    let mode = Bits::<FEATURE_MODE_CFG>::raw(mode).with(FEATURE_MODE_CFG::IN_PRECISION, formats);
    values.set(mode.with(FEATURE_MODE_CFG::PROC_PRECISION, formats));
}

/// Sets them for a convolution with a parameter stream, a map that is added, or both.
pub(super) fn set_beside(values: &mut TaskValues, plan: &ConvolutionTask) {
    let channels = plan.aligned_kernels();
    common(values, plan.out_width, plan.out_rows, channels);
    stream(values, plan.parameters(), channels);
    operand(
        values,
        plan.operand().map(|operand| operand.address),
        plan.out_surface_bytes,
    );
    if plan.operand().is_some() {
        let left_out = plan.out_surface_bytes - plan.out_width * plan.out_rows * 8;
        values.set(Bits::<dpu_rdma::SURF_NOTCH>::raw(left_out as u32));
    }
    let beside = match plan.source {
        Source::Depthwise => BESIDE_DEPTHWISE,
        Source::Dense | Source::Interleaved { .. } => BESIDE_DENSE,
    };
    mode(values, beside, plan.precision);
}

fn stream(values: &mut TaskValues, stream: Option<Stream>, channels: usize) {
    let Some(stream) = stream else {
        return values.set(Bits::new().with(dpu_rdma::BRDMA_CFG::BRDMA_DISABLE, 1));
    };
    let used = if stream.full { USE_ALL } else { USE_BIAS };
    values.set(Bits::new().with(dpu_rdma::BRDMA_CFG::BRDMA_DATA_USE, used));
    values.set(Bits::<dpu_rdma::BS_BASE_ADDR>::raw(stream.address));
    let words = (channels * stream.channel_bytes() / 8) as u32;
    values.set(Bits::new().with(dpu_rdma::BRDMA_LENGTH::WORDS, words - 1));
}

/// The element-wise operand, one value for each of the task's.
fn operand(values: &mut TaskValues, address: Option<u32>, surface_bytes: usize) {
    let Some(address) = address else {
        return values.set(Bits::new().with(dpu_rdma::ERDMA_CFG::ERDMA_DISABLE, 1));
    };
    values.set(Bits::new().with(dpu_rdma::ERDMA_CFG::ERDMA_DATA_MODE, 1));
    values.set(Bits::<dpu_rdma::EW_BASE_ADDR>::raw(address));
    let surface = surface_bytes as u32 / 16;
    values.set(Bits::new().with(dpu_rdma::EW_SURF_STRIDE::EW_SURF_STRIDE, surface));
}

/// Sets them for a point-wise task.
pub(super) fn set_main(values: &mut TaskValues, plan: &PointWiseTask) {
    let pixels = plan.width * plan.height;
    common(values, plan.width, plan.height, plan.channels);
    values.set(Bits::<dpu_rdma::SRC_BASE_ADDR>::raw(plan.input));
    stream(values, None, plan.channels);
    mode(values, MAIN_INPUT, plan.what.precision());
    // The single pixel of a table task is all there is: nobody steps over a gap.
    let lone = pixels == 1 && plan.channels == plan.what.precision().surface_channels() as usize;
    let gap = if lone { 0 } else { plan.surface_bytes - pixels * 8 };
    values.set(Bits::<dpu_rdma::SURF_NOTCH>::raw(gap as u32));
    let second = plan.what.operand().map(|operand| operand.address);
    operand(values, second, plan.surface_bytes);
}
