//! DPU stages of a convolution task: compensation, bias and scale, rectifier, output conversion (sheet §2.6).

use npu_device::{OutputConversion, Precision, Rectifier};
use npu_regs::{Bits, dpu};

use super::program::TaskValues;
use super::rescale::BYPASS;
use super::tables;
use crate::task::{ConvolutionTask, Operand, Stage, Stream, Written};

/// Bypass of EW as the vendor writes it.
pub(super) const BYPASS_ELEMENT_WISE: u32 = 0x383;
/// EW: operand of the reader, offset first, add, no rectifier (§2.3).
const ADD: u32 = 0x9000_02D0;
/// EW: no rectifier.
const NO_RELU: u32 = 0x200;
/// EW: the operand is not converted.
const NO_CONVERSION: u32 = 0x100;
/// Fraction bits of per-channel multipliers (§2.6).
const MULTIPLIER_SHIFT: u32 = 14;
/// BS: operands from the stream, add and multiply, no rectifier.
const ADD_AND_MULTIPLY: u32 = 0x148;
/// BS: bias from the stream, multiplier bypassed.
const ADD_ONLY: u32 = 0x158;
/// BN: rectifier alone, without and with an upper bound.
const RELU: u32 = 0x12;
const RELU_UP_TO: u32 = 0x92;

/// Sets them.
pub(super) fn set(values: &mut TaskValues, plan: &ConvolutionTask) {
    let (parameters, rectifier, output) = match plan.stage {
        Stage::Wide => (None, Rectifier::None, OutputConversion::IDENTITY),
        Stage::Fp16 { operand, relu } => {
            // Of a sum the element-wise stage rectifies.
            let rectifier = match operand {
                None if relu => Rectifier::Relu,
                _ => Rectifier::None,
            };
            (None, rectifier, OutputConversion::IDENTITY)
        }
        Stage::Integer {
            parameters,
            rectifier,
            output,
            ..
        } => (parameters, rectifier, output),
    };
    scale(values, parameters);
    match plan.lookup() {
        Some(lookup) => tables::set(values, &lookup),
        None => {
            rectify(values, rectifier);
            join(values, plan);
        }
    }
    let exponent = match plan.stage {
        Stage::Integer {
            into: Written::Fp16 { exponent },
            ..
        } => exponent,
        _ => 0,
    };
    convert(values, &output, exponent);
}

/// BN as a rectifier.
fn rectify(values: &mut TaskValues, rectifier: Rectifier) {
    values.set(Bits::<dpu::BN_CFG>::raw(match rectifier {
        Rectifier::None => BYPASS,
        Rectifier::Relu => RELU,
        Rectifier::ReluUpTo(_) => RELU_UP_TO,
    }));
    if let Rectifier::ReluUpTo(bound) = rectifier {
        values.set(Bits::<dpu::BN_RELUX_CMP_VALUE>::raw(bound));
    }
}

/// EW of a task without tables.
fn join(values: &mut TaskValues, plan: &ConvolutionTask) {
    if let Some(operand) = plan.operand() {
        return add(values, &operand, plan.precision);
    }
    values.set(Bits::<dpu::EW_CFG>::raw(BYPASS_ELEMENT_WISE));
    if !matches!(plan.stage, Stage::Wide) {
        // Scale 1 of an operand that is not read, as the vendor writes it (appendix B.1).
        values.set(Bits::new().with(dpu::EW_CVT_SCALE_VALUE::EW_OP_CVT_SCALE, 1));
    }
}

/// EW as a sum with what the reader delivers.
pub(super) fn add(values: &mut TaskValues, operand: &Operand, precision: Precision) {
    let Operand { rescale, relu, .. } = operand;
    let rectified = if *relu { ADD & !NO_RELU } else { ADD };
    values.set(Bits::<dpu::EW_CFG>::raw(match precision {
        Precision::Int8 => rectified,
        Precision::Fp16 => rectified | NO_CONVERSION,
    }));
    values.set(Bits::<dpu::EW_CVT_OFFSET_VALUE>::raw(rescale.offset as u32));
    let scale = Bits::new().with(
        dpu::EW_CVT_SCALE_VALUE::EW_OP_CVT_SCALE,
        u32::from(rescale.multiplier as u16),
    );
    values.set(scale.with(dpu::EW_CVT_SCALE_VALUE::EW_OP_CVT_SHIFT, u32::from(rescale.shift)));
}

fn scale(values: &mut TaskValues, parameters: Option<Stream>) {
    match parameters {
        None => values.set(Bits::<dpu::BS_CFG>::raw(BYPASS)),
        Some(Stream { full: true, .. }) => {
            values.set(Bits::<dpu::BS_CFG>::raw(ADD_AND_MULTIPLY));
            let multiplier = Bits::new().with(dpu::BS_MUL_CFG::BS_MUL_SHIFT_VALUE, MULTIPLIER_SHIFT);
            values.set(multiplier.with(dpu::BS_MUL_CFG::BS_MUL_SRC, 1));
        }
        Some(Stream {
            full: false,
            zero_point_factor,
            ..
        }) => {
            values.set(Bits::<dpu::BS_CFG>::raw(ADD_ONLY));
            values.set(Bits::new().with(dpu::BS_OW_OP::OW_OP, u32::from(zero_point_factor as u16)));
        }
    }
}

/// Shift of negative values in the first stage: the multiplier's (§2.6), which int8 results have even where none runs.
pub(super) const fn negative_shift(stage: &Stage) -> u32 {
    match stage {
        Stage::Integer {
            into: Written::Int8, ..
        }
        | Stage::Integer {
            parameters: Some(Stream { full: true, .. }),
            ..
        } => MULTIPLIER_SHIFT,
        Stage::Wide | Stage::Fp16 { .. } | Stage::Integer { .. } => 0,
    }
}

/// Sets the output conversion; results in fp16 are divided by `2^exponent`.
pub(super) fn convert(values: &mut TaskValues, output: &OutputConversion, exponent: u8) {
    values.set(Bits::<dpu::OUT_CVT_OFFSET>::raw(output.offset as u32));
    values.set(Bits::new().with(dpu::OUT_CVT_SCALE::OUT_CVT_SCALE, u32::from(output.scale)));
    let shift = Bits::new().with(dpu::OUT_CVT_SHIFT::OUT_CVT_SHIFT, u32::from(output.shift));
    let shift = shift.with(dpu::OUT_CVT_SHIFT::MINUS_EXP, u32::from(exponent));
    values.set(shift.with(dpu::OUT_CVT_SHIFT::CVT_ROUND, u32::from(output.ties_up)));
}
