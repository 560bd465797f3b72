//! PPU and PPU_RDMA registers of a pooling task (sheet §2.9).

use npu_device::{PoolMethod, Precision};
use npu_regs::{Bits, ppu, ppu_rdma};

use super::program::TaskValues;
use super::writer::FP16;
use crate::task::PoolTask;

/// Write burst of every known task.
const BURST: u32 = 3;
/// Bits of a pad value.
const PAD_BITS: u32 = 0x7FFFF;

/// Format code, the same in both blocks.
const fn code(precision: Precision) -> u32 {
    match precision {
        Precision::Int8 => 0,
        Precision::Fp16 => FP16,
    }
}

/// Sets them.
pub(super) fn set(values: &mut TaskValues, plan: &PoolTask) {
    use ppu::{OPERATION_MODE_CFG, POOLING_KERNEL_CFG, POOLING_PADDING_CFG};
    let last = |count: usize| count as u32 - 1;
    values.set(Bits::new().with(ppu::DATA_CUBE_IN_WIDTH::CUBE_IN_WIDTH, last(plan.width)));
    values.set(Bits::new().with(ppu::DATA_CUBE_IN_HEIGHT::CUBE_IN_HEIGHT, last(plan.height)));
    values.set(Bits::new().with(ppu::DATA_CUBE_IN_CHANNEL::CUBE_IN_CHANNEL, last(plan.channels)));
    values.set(Bits::new().with(ppu::DATA_CUBE_OUT_WIDTH::CUBE_OUT_WIDTH, last(plan.out_width)));
    values.set(Bits::new().with(ppu::DATA_CUBE_OUT_HEIGHT::CUBE_OUT_HEIGHT, last(plan.out_height)));
    values.set(Bits::new().with(ppu::DATA_CUBE_OUT_CHANNEL::CUBE_OUT_CHANNEL, last(plan.channels)));
    let method = match plan.method {
        PoolMethod::Average => 0,
        PoolMethod::Maximum => 1,
        PoolMethod::Minimum => 2,
    };
    let mode = Bits::new().with(OPERATION_MODE_CFG::FLYING_MODE, 1);
    values.set(mode.with(OPERATION_MODE_CFG::POOLING_METHOD, method));
    let window = &plan.window;
    let kernel = Bits::new().with(POOLING_KERNEL_CFG::KERNEL_STRIDE_HEIGHT, window.stride_y - 1);
    let kernel = kernel.with(POOLING_KERNEL_CFG::KERNEL_STRIDE_WIDTH, window.stride_x - 1);
    let kernel = kernel.with(POOLING_KERNEL_CFG::KERNEL_HEIGHT, window.kernel_height - 1);
    values.set(kernel.with(POOLING_KERNEL_CFG::KERNEL_WIDTH, window.kernel_width - 1));
    if plan.method == PoolMethod::Average {
        let reciprocal = |taps: u32| 65536 / taps;
        values.set(Bits::new().with(
            ppu::RECIP_KERNEL_WIDTH::RECIP_KERNEL_WIDTH,
            reciprocal(window.kernel_width),
        ));
        values.set(Bits::new().with(
            ppu::RECIP_KERNEL_HEIGHT::RECIP_KERNEL_HEIGHT,
            reciprocal(window.kernel_height),
        ));
    }
    let padding = Bits::new().with(POOLING_PADDING_CFG::PAD_LEFT, window.pad_left);
    let padding = padding.with(POOLING_PADDING_CFG::PAD_TOP, window.pad_top);
    let padding = padding.with(POOLING_PADDING_CFG::PAD_RIGHT, window.pad_right);
    values.set(padding.with(POOLING_PADDING_CFG::PAD_BOTTOM, window.pad_bottom));
    let pad = plan.pad_value as u32 & PAD_BITS;
    values.set(Bits::<ppu::PADDING_VALUE_1_CFG>::raw(pad));
    values.set(Bits::<ppu::PADDING_VALUE_2_CFG>::raw(pad));
    values.set(Bits::<ppu::PADDING_VALUE_3_CFG>::raw(pad));
    values.set(Bits::<ppu::PADDING_VALUE_4_CFG>::raw(pad));
    values.set(Bits::<ppu::DST_BASE_ADDR>::raw(plan.output));
    // Both count 16 bytes; a pixel of a surface has 8, and surfaces whole groups of four.
    let surface = (plan.out_width * plan.out_height).next_multiple_of(4) as u32 / 2;
    values.set(Bits::new().with(ppu::DST_SURF_STRIDE::DST_SURF_STRIDE, surface));
    let format = Bits::new().with(ppu::DATA_FORMAT::INDEX_ADD, surface);
    values.set(format.with(ppu::DATA_FORMAT::PROC_PRECISION, code(plan.precision)));
    values.set(Bits::new().with(ppu::MISC_CTRL::BURST_LEN, BURST));
    reader(values, plan);
}

fn reader(values: &mut TaskValues, plan: &PoolTask) {
    let last = |count: usize| count as u32 - 1;
    let format = Bits::new().with(ppu_rdma::DATA_FORMAT::IN_PRECISION, code(plan.precision));
    values.set(format);
    values.set(Bits::new().with(ppu_rdma::CUBE_IN_WIDTH::CUBE_IN_WIDTH, last(plan.width)));
    values.set(Bits::new().with(ppu_rdma::CUBE_IN_HEIGHT::CUBE_IN_HEIGHT, last(plan.height)));
    values.set(Bits::new().with(ppu_rdma::CUBE_IN_CHANNEL::CUBE_IN_CHANNEL, last(plan.channels)));
    values.set(Bits::new().with(ppu_rdma::REG_7018::BIT_0, 1));
    values.set(Bits::<ppu_rdma::SRC_BASE_ADDR>::raw(plan.input));
    values.set(Bits::new().with(ppu_rdma::SRC_LINE_STRIDE::SRC_LINE_STRIDE, plan.width as u32));
    let surface = (plan.width * plan.height).next_multiple_of(4) as u32;
    values.set(Bits::new().with(ppu_rdma::SRC_SURF_STRIDE::SRC_SURF_STRIDE, surface));
}
