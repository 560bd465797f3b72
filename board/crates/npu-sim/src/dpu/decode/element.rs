//! EW as its registers say (sheet §2.3, §2.6, §12.16).

use npu_regs::{Register, dpu};

use super::stages::{algorithm, rectifier};
use super::tables::lookup;
use super::{Format, signed_16, ties};
use crate::dpu::converter::Converter;
use crate::dpu::element::{Element, OperandSize, Operation, Source};
use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::rules;

/// EW.
pub(crate) fn element(view: &View<'_>, input: Format) -> Result<Element, FaultKind> {
    use dpu::EW_CFG as E;
    if view.set(E::EW_BYPASS) {
        return Ok(Element::Bypass);
    }
    view.only(E::EW_EQUAL_EN, 0, "no comparison (0)")?;
    view.only(E::EW_BINARY_EN, 0, "0")?;
    let rectifier = rectifier(
        view.set(E::EW_RELU_BYPASS),
        view.set(E::EW_RELUX_EN),
        view.raw::<dpu::EW_RELUX_CMP_VALUE>(),
    );
    let joins = !view.set(E::EW_OP_BYPASS);
    if !view.set(E::EW_LUT_BYPASS) {
        if joins {
            return Err(broken(E::INFO, E::EW_LUT_BYPASS.name, 0, rules::ADD_ON_TABLE));
        }
        return Ok(Element::Table(lookup(view)?, rectifier));
    }
    if !joins {
        return Ok(Element::Rectify(rectifier));
    }
    let source = if view.set(E::EW_OP_SRC) {
        Source::Reader {
            converter: operand_converter(view),
            size: operand_size(view, input)?,
            per_channel: per_channel(view)?,
        }
    } else {
        Source::Register(register_operand(view)?)
    };
    Ok(Element::Join {
        source,
        operation: operation(view)?,
        rectifier,
    })
}

/// `EDATA_SIZE`: 0 in every vendor task, which is the size of what the pipeline is fed with; else the code of RK3588.
fn operand_size(view: &View<'_>, input: Format) -> Result<OperandSize, FaultKind> {
    use dpu::EW_CFG as E;
    let code = view.held(
        E::EDATA_SIZE,
        |v| v != 3 && (v, input) != (0, Format::Fp32),
        rules::OPERAND_SIZE,
    )?;
    match (code, input) {
        (0 | 1, Format::Int8) => Ok(OperandSize::Byte),
        (0, Format::Fp16) | (2, _) => Ok(OperandSize::Half),
        _ => {
            let modelled = "fp16 operands of fp16 processing (2)";
            Err(not_modelled(E::INFO, E::EDATA_SIZE.name, code, modelled))
        }
    }
}

/// `EW_DATA_MODE`: 1 = an operand per value, 0 = one per channel.
fn per_channel(view: &View<'_>) -> Result<bool, FaultKind> {
    use dpu::EW_CFG as E;
    view.held(E::EW_DATA_MODE, |v| v != 2, rules::OPERAND_MODE)?;
    match view.get(E::EW_DATA_MODE) {
        0 => Ok(true),
        1 => Ok(false),
        code => {
            let modelled = "one operand per channel (0) or per pixel (1)";
            Err(not_modelled(E::INFO, E::EW_DATA_MODE.name, code, modelled))
        }
    }
}

fn operand_converter(view: &View<'_>) -> Converter {
    use dpu::{EW_CFG as E, EW_CVT_SCALE_VALUE as S};
    if view.set(E::EW_OP_CVT_BYPASS) {
        return Converter::IDENTITY;
    }
    Converter {
        offset: view.raw::<dpu::EW_CVT_OFFSET_VALUE>() as i32,
        scale: signed_16(view.get(S::EW_OP_CVT_SCALE)),
        shift: view.get(S::EW_OP_CVT_SHIFT),
        offset_first: view.set(E::EW_CVT_TYPE),
        ties: ties(view.set(E::EW_CVT_ROUND)),
    }
}

fn operation(view: &View<'_>) -> Result<Operation, FaultKind> {
    use dpu::EW_CFG as E;
    if view.set(E::EW_OP_TYPE) {
        return Ok(Operation::Multiply {
            shift: view.get(dpu::EW_CVT_SCALE_VALUE::EW_TRUNCATE),
            negative_shift: view.get(dpu::DATA_FORMAT::EW_TRUNCATE_NEG),
            ties: ties(view.set(E::EW_CVT_ROUND)),
            leaky: view.set(E::EW_MUL_PRELU),
        });
    }
    let code = view.get(E::EW_ALU_ALGO);
    let algorithm =
        algorithm(code).ok_or_else(|| not_modelled(E::INFO, E::EW_ALU_ALGO.name, code, "max (0), min (1), add (2)"))?;
    Ok(Operation::Alu(algorithm))
}

/// The eight operand registers. What unlike values would mean is not known.
fn register_operand(view: &View<'_>) -> Result<i32, FaultKind> {
    let first = view.raw::<dpu::EW_OP_VALUE_0>();
    let same = "the eight operand registers hold one value";
    view.whole::<dpu::EW_OP_VALUE_1>(first, same)?;
    view.whole::<dpu::EW_OP_VALUE_2>(first, same)?;
    view.whole::<dpu::EW_OP_VALUE_3>(first, same)?;
    view.whole::<dpu::EW_OP_VALUE_4>(first, same)?;
    view.whole::<dpu::EW_OP_VALUE_5>(first, same)?;
    view.whole::<dpu::EW_OP_VALUE_6>(first, same)?;
    view.whole::<dpu::EW_OP_VALUE_7>(first, same)?;
    Ok(first as i32)
}
