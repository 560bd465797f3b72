//! DPU registers of a task without convolution: rescale, sum, table (sheet §2.6, appendix B.4, B.5).

use npu_device::Rescale;
use npu_regs::stage::Bs;
use npu_regs::{Bits, dpu};

use super::post::{BYPASS_ELEMENT_WISE, add, convert};
use super::program::TaskValues;
use super::rescale::{self, ADD_AND_MULTIPLY, BYPASS};
use super::writer::{BURST_16, FP16, FP32, TO_MEMORY};
use super::{operands, tables};
use crate::task::{PointWise, PointWiseTask};

/// Sets them, with those of DPU_RDMA.
pub(super) fn set(values: &mut TaskValues, plan: &PointWiseTask) {
    use dpu::{BS_OW_CFG, DATA_CUBE_CHANNEL, EW_CFG, EW_CVT_SCALE_VALUE};
    values.set(Bits::<dpu::DST_BASE_ADDR>::raw(plan.output));
    let surface = plan.out_surface_bytes as u32 / 16;
    values.set(Bits::new().with(dpu::DST_SURF_STRIDE::DST_SURF_STRIDE, surface));
    values.set(Bits::new().with(dpu::SURFACE_ADD::SURF_ADD, surface));
    values.set(Bits::new().with(dpu::DATA_CUBE_WIDTH::WIDTH, plan.width as u32 - 1));
    values.set(Bits::new().with(dpu::DATA_CUBE_HEIGHT::HEIGHT, plan.height as u32 - 1));
    let channels = plan.channels as u32 - 1;
    let cube = Bits::new().with(DATA_CUBE_CHANNEL::ORIG_CHANNEL, channels);
    values.set(cube.with(DATA_CUBE_CHANNEL::CHANNEL, channels));
    values.set(Bits::new().with(BS_OW_CFG::OD_BYPASS, 1));
    convert(values, &plan.conversion, 0);
    mode(values, plan);
    let bs = match plan.what {
        PointWise::Requantize(rescale) | PointWise::Add { a: rescale, .. } => rescale,
        PointWise::Table(_) | PointWise::AddFp16(_) | PointWise::Dequantize { .. } => Rescale::IDENTITY,
    };
    rescale::set::<Bs>(values, &bs);
    if let PointWise::Dequantize { offset, multiplier } = plan.what {
        set_float(values, offset, multiplier);
    }
    formats(values, &plan.what, bs.shift);
    if let PointWise::Table(lookup) = plan.what {
        tables::set(values, &lookup);
    } else {
        values.set(Bits::<dpu::BN_CFG>::raw(BYPASS));
        match plan.what.operand() {
            Some(operand) => add(values, &operand, plan.what.precision()),
            None => {
                values.set(Bits::<EW_CFG>::raw(BYPASS_ELEMENT_WISE));
                values.set(Bits::new().with(EW_CVT_SCALE_VALUE::EW_OP_CVT_SCALE, 1));
            }
        }
    }
    operands::set_main(values, plan);
}

fn mode(values: &mut TaskValues, plan: &PointWiseTask) {
    use dpu::FEATURE_MODE_CFG;
    let mode = Bits::new().with(FEATURE_MODE_CFG::BURST_LEN, BURST_16);
    let mode = mode.with(FEATURE_MODE_CFG::OUTPUT_MODE, TO_MEMORY);
    let mode = mode.with(FEATURE_MODE_CFG::FLYING_MODE, 1);
    values.set(match plan.what {
        // One row of any number of pixels: the vendor calls the cube unaligned there and says its length (appendix B.5).
        PointWise::Dequantize { .. } => mode
            .with(FEATURE_MODE_CFG::NONALIGN, 1)
            .with(FEATURE_MODE_CFG::SURF_LEN, (plan.width * plan.height) as u32),
        _ => mode,
    });
}

/// Formats, and the shifts of negative values in both scale stages.
fn formats(values: &mut TaskValues, what: &PointWise, first_shift: u8) {
    use dpu::DATA_FORMAT;
    let (input, output) = match what {
        PointWise::Requantize(_) | PointWise::Add { .. } | PointWise::Table(_) => (0, 0),
        PointWise::AddFp16(_) => (FP16, FP16),
        PointWise::Dequantize { .. } => (FP16, FP32),
    };
    let second_shift = match what {
        PointWise::Table(lookup) => lookup.rescale.shift,
        _ => 0,
    };
    let format = Bits::new().with(DATA_FORMAT::OUT_PRECISION, output);
    let format = format.with(DATA_FORMAT::IN_PRECISION, input);
    let format = format.with(DATA_FORMAT::PROC_PRECISION, input);
    let format = format.with(DATA_FORMAT::BS_MUL_SHIFT_VALUE_NEG, u32::from(first_shift));
    values.set(format.with(DATA_FORMAT::BN_MUL_SHIFT_VALUE_NEG, u32::from(second_shift)));
}

/// BS on floating-point values: fp32 bits are added, fp16 bits multiply (§2.7).
fn set_float(values: &mut TaskValues, offset: u32, multiplier: u16) {
    values.set(Bits::<dpu::BS_CFG>::raw(ADD_AND_MULTIPLY));
    values.set(Bits::<dpu::BS_ALU_CFG>::raw(offset));
    values.set(Bits::new().with(dpu::BS_MUL_CFG::BS_MUL_OPERAND, u32::from(multiplier)));
}
