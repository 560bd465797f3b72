//! DPU_RDMA registers: the parameter stream of a convolution and the operands of point-wise tasks (sheet §2.8).

use npu_regs::{Bits, dpu_rdma};

use super::program::TaskValues;
use crate::task::{ConvolutionTask, Source};

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

/// Sets them for a convolution with a parameter stream.
pub(super) fn set_stream(values: &mut TaskValues, plan: &ConvolutionTask) {
    let Some(stream) = plan.parameters() else { return };
    let channels = plan.aligned_kernels();
    common(values, plan.out_width, plan.out_rows, channels);
    let used = if stream.full { USE_ALL } else { USE_BIAS };
    values.set(Bits::new().with(dpu_rdma::BRDMA_CFG::BRDMA_DATA_USE, used));
    values.set(Bits::<dpu_rdma::BS_BASE_ADDR>::raw(stream.address));
    let words = (channels * stream.channel_bytes() / 8) as u32;
    values.set(Bits::new().with(dpu_rdma::BRDMA_LENGTH::WORDS, words - 1));
    values.set(Bits::new().with(dpu_rdma::ERDMA_CFG::ERDMA_DISABLE, 1));
    values.set(Bits::<dpu_rdma::FEATURE_MODE_CFG>::raw(match plan.source {
        Source::Depthwise => BESIDE_DEPTHWISE,
        Source::Dense | Source::Interleaved { .. } => BESIDE_DENSE,
    }));
}

/// Sets them for a point-wise task. `surface_bytes` holds for the main input and the second operand.
pub(super) fn set_main(
    values: &mut TaskValues,
    (width, height, channels): (usize, usize, usize),
    input: u32,
    surface_bytes: usize,
    operand: Option<u32>,
) {
    common(values, width, height, channels);
    values.set(Bits::<dpu_rdma::SRC_BASE_ADDR>::raw(input));
    values.set(Bits::new().with(dpu_rdma::BRDMA_CFG::BRDMA_DISABLE, 1));
    values.set(Bits::<dpu_rdma::FEATURE_MODE_CFG>::raw(MAIN_INPUT));
    // A single pixel, as in table tasks, has one surface and leaves no gap that the register could say.
    let gap = if width * height == 1 {
        0
    } else {
        surface_bytes - width * height * 8
    };
    values.set(Bits::<dpu_rdma::SURF_NOTCH>::raw(gap as u32));
    match operand {
        None => values.set(Bits::new().with(dpu_rdma::ERDMA_CFG::ERDMA_DISABLE, 1)),
        Some(address) => {
            values.set(Bits::new().with(dpu_rdma::ERDMA_CFG::ERDMA_DATA_MODE, 1));
            values.set(Bits::<dpu_rdma::EW_BASE_ADDR>::raw(address));
            let surface = surface_bytes as u32 / 16;
            values.set(Bits::new().with(dpu_rdma::EW_SURF_STRIDE::EW_SURF_STRIDE, surface));
        }
    }
}
