//! DPU registers of a task without convolution: rescale, sum, table (sheet §2.6, appendix B.4).

use npu_device::Rescale;
use npu_regs::{Bits, dpu};

use super::operands;
use super::post::{BYPASS_ELEMENT_WISE, BYPASS_SCALE, convert};
use super::program::TaskValues;
use super::writer::{BURST_16, TO_MEMORY};
use crate::task::{PointWise, PointWiseTask};

/// BS and BN: operands from registers, add and multiply, no rectifier.
const ADD_AND_MULTIPLY: u32 = 0x48;
/// EW: second operand, offset first, add, no rectifier; and with one (§2.3).
const ADD: u32 = 0x9000_02D0;
const ADD_RELU: u32 = 0x9000_00D0;
/// EW: the tables instead of an operand.
const TABLES: u32 = 0x302;
/// The vendor's choice of tables and priorities.
const LUT_CFG: u32 = 0x68;

/// Sets them, with those of DPU_RDMA.
pub(super) fn set(values: &mut TaskValues, plan: &PointWiseTask) {
    use dpu::{BS_OW_CFG, DATA_CUBE_CHANNEL, DATA_FORMAT, FEATURE_MODE_CFG};
    let mode = Bits::new().with(FEATURE_MODE_CFG::BURST_LEN, BURST_16);
    let mode = mode.with(FEATURE_MODE_CFG::OUTPUT_MODE, TO_MEMORY);
    values.set(mode.with(FEATURE_MODE_CFG::FLYING_MODE, 1));
    values.set(Bits::<dpu::DST_BASE_ADDR>::raw(plan.output));
    let surface = plan.surface_bytes as u32 / 16;
    values.set(Bits::new().with(dpu::DST_SURF_STRIDE::DST_SURF_STRIDE, surface));
    values.set(Bits::new().with(dpu::SURFACE_ADD::SURF_ADD, surface));
    values.set(Bits::new().with(dpu::DATA_CUBE_WIDTH::WIDTH, plan.width as u32 - 1));
    values.set(Bits::new().with(dpu::DATA_CUBE_HEIGHT::HEIGHT, plan.height as u32 - 1));
    let channels = plan.channels as u32 - 1;
    let cube = Bits::new().with(DATA_CUBE_CHANNEL::ORIG_CHANNEL, channels);
    values.set(cube.with(DATA_CUBE_CHANNEL::CHANNEL, channels));
    values.set(Bits::new().with(BS_OW_CFG::OD_BYPASS, 1));
    convert(values, &plan.conversion);
    let (bs, bn, operand) = match plan.what {
        PointWise::Requantize(rescale) => (rescale, Rescale::IDENTITY, None),
        PointWise::Add { a, operand, b, relu } => {
            set_add(values, &b, relu);
            (a, Rescale::IDENTITY, Some(operand))
        }
        PointWise::Table { rescale, step_shift } => {
            set_tables(values, step_shift);
            (Rescale::IDENTITY, rescale, None)
        }
    };
    if matches!(plan.what, PointWise::Requantize(_)) {
        values.set(Bits::<dpu::EW_CFG>::raw(BYPASS_ELEMENT_WISE));
        values.set(Bits::new().with(dpu::EW_CVT_SCALE_VALUE::EW_OP_CVT_SCALE, 1));
    }
    set_first(values, &bs);
    set_second(values, &bn);
    let negative = Bits::new().with(DATA_FORMAT::BS_MUL_SHIFT_VALUE_NEG, u32::from(bs.shift));
    values.set(negative.with(DATA_FORMAT::BN_MUL_SHIFT_VALUE_NEG, u32::from(bn.shift)));
    operands::set_main(
        values,
        (plan.width, plan.height, plan.channels),
        plan.input,
        plan.surface_bytes,
        operand,
    );
}

fn set_first(values: &mut TaskValues, rescale: &Rescale) {
    if *rescale == Rescale::IDENTITY {
        return values.set(Bits::<dpu::BS_CFG>::raw(BYPASS_SCALE));
    }
    values.set(Bits::<dpu::BS_CFG>::raw(ADD_AND_MULTIPLY));
    values.set(Bits::<dpu::BS_ALU_CFG>::raw(rescale.offset as u32));
    let multiplier = Bits::new().with(dpu::BS_MUL_CFG::BS_MUL_OPERAND, u32::from(rescale.multiplier as u16));
    values.set(multiplier.with(dpu::BS_MUL_CFG::BS_MUL_SHIFT_VALUE, u32::from(rescale.shift)));
}

fn set_second(values: &mut TaskValues, rescale: &Rescale) {
    if *rescale == Rescale::IDENTITY {
        return values.set(Bits::<dpu::BN_CFG>::raw(BYPASS_SCALE));
    }
    values.set(Bits::<dpu::BN_CFG>::raw(ADD_AND_MULTIPLY));
    values.set(Bits::<dpu::BN_ALU_CFG>::raw(rescale.offset as u32));
    let multiplier = Bits::new().with(dpu::BN_MUL_CFG::BN_MUL_OPERAND, u32::from(rescale.multiplier as u16));
    values.set(multiplier.with(dpu::BN_MUL_CFG::BN_MUL_SHIFT_VALUE, u32::from(rescale.shift)));
}

fn set_add(values: &mut TaskValues, operand: &Rescale, relu: bool) {
    values.set(Bits::<dpu::EW_CFG>::raw(if relu { ADD_RELU } else { ADD }));
    values.set(Bits::<dpu::EW_CVT_OFFSET_VALUE>::raw(operand.offset as u32));
    let scale = Bits::new().with(
        dpu::EW_CVT_SCALE_VALUE::EW_OP_CVT_SCALE,
        u32::from(operand.multiplier as u16),
    );
    values.set(scale.with(dpu::EW_CVT_SCALE_VALUE::EW_OP_CVT_SHIFT, u32::from(operand.shift)));
}

/// LE covers the negative inputs, LO the others; the slopes outside stay 0.
fn set_tables(values: &mut TaskValues, step_shift: u8) {
    values.set(Bits::<dpu::EW_CFG>::raw(TABLES));
    values.set(Bits::<dpu::LUT_CFG>::raw(LUT_CFG));
    let steps = Bits::new().with(dpu::LUT_INFO::LUT_LO_INDEX_SELECT, u32::from(step_shift));
    values.set(steps.with(dpu::LUT_INFO::LUT_LE_INDEX_SELECT, u32::from(step_shift)));
    let reach = 512u32 << step_shift;
    values.set(Bits::<dpu::LUT_LE_START>::raw(reach.wrapping_neg()));
    values.set(Bits::<dpu::LUT_LO_END>::raw(reach));
}
