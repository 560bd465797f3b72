//! What the DPU registers of a task say, checked: formats, stages, converter (sheet §2.6, §2.7, §12.13 to §12.17). Touches
//! no memory and judges no address. Every field that no source explains must have an observed value.

mod element;
mod formats;
mod stages;
mod tables;

use npu_regs::{Register, dpu};

pub(crate) use element::element;
pub(crate) use formats::{Arithmetic, Format, Formats, formats};
pub(crate) use stages::stage;

use super::converter::Converter;
use super::rounding::Ties;
use super::stage::Operand;
use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::rules;

/// Where a compensation factor comes from (§12.14).
pub(crate) type Compensation = Option<Operand>;

const fn signed_16(value: u32) -> i32 {
    value as u16 as i16 as i32
}

/// The compensation factor of `BS_OW_CFG`; `sums` says whether feature sums exist.
pub(crate) fn compensation(view: &View<'_>, sums: bool) -> Result<Compensation, FaultKind> {
    use dpu::BS_OW_CFG as O;
    view.only(O::TP_ORG_EN, 0, "no transposition (0)")?;
    view.only(O::RGP_CNTER, 0, "0")?;
    if view.set(O::OD_BYPASS) {
        return Ok(None);
    }
    let operand = if view.set(O::OW_SRC) {
        Operand::Stream
    } else {
        Operand::Common(signed_16(view.get(dpu::BS_OW_OP::OW_OP)))
    };
    match operand {
        Operand::Common(0) => Ok(None),
        _ if !sums => Err(broken(O::INFO, O::OD_BYPASS.name, 0, rules::NO_SUMS)),
        _ => Ok(Some(operand)),
    }
}

pub(super) const fn ties(up: bool) -> Ties {
    if up { Ties::Up } else { Ties::Even }
}

/// OUT_CVT, and the exponent of a float result of the integer pipeline.
pub(crate) fn out(view: &View<'_>, formats: Formats) -> Result<(Converter, u32), FaultKind> {
    use dpu::{OUT_CVT_SCALE as S, OUT_CVT_SHIFT as H};
    let converter = Converter {
        offset: view.raw::<dpu::OUT_CVT_OFFSET>() as i32,
        scale: signed_16(view.get(S::OUT_CVT_SCALE)),
        shift: view.get(H::OUT_CVT_SHIFT),
        offset_first: view.set(H::CVT_TYPE),
        ties: ties(view.set(H::CVT_ROUND)),
    };
    let exponent = view.get(H::MINUS_EXP);
    let float_from_integer =
        formats.arithmetic == Arithmetic::Integer && matches!(formats.out, Format::Fp16 | Format::Fp32);
    if !float_from_integer {
        view.only(H::MINUS_EXP, 0, "no exponent correction (0) of this format")?;
    }
    match formats.arithmetic {
        Arithmetic::Integer => view.only(S::FP32TOFP16_EN, 0, "integers are not narrowed (0)")?,
        Arithmetic::Float if !converter.is_identity() => {
            let modelled = "scale 1, shift 0, offset 0 for fp results (§2.7)";
            return Err(not_modelled(
                S::INFO,
                S::OUT_CVT_SCALE.name,
                view.get(S::OUT_CVT_SCALE),
                modelled,
            ));
        }
        Arithmetic::Float => {}
    }
    Ok((converter, exponent))
}

/// Fields that every known task writes alike.
pub(crate) fn constants(view: &View<'_>, flying: bool, depthwise: bool) -> Result<(), FaultKind> {
    use dpu::FEATURE_MODE_CFG as F;
    let mode = if flying { rules::FLYING } else { rules::NOT_FLYING };
    view.held(F::FLYING_MODE, |v| (v == 1) == flying, mode)?;
    view.only(F::TP_EN, 0, "no transposition (0) of what the array makes")?;
    view.only(F::COMB_USE, 0, "no combined use (0)")?;
    view.only(F::RGP_TYPE, 0, "no regrouping (0)")?;
    view.only(
        F::OUTPUT_MODE,
        4,
        "output to memory (4); DPU to PPU is not modelled (§12.21)",
    )?;
    let convolution = if depthwise { 3 } else { 0 };
    view.held(F::CONV_MODE, |v| v == convolution, rules::CONV_MODE)?;
    // An unaligned cube says how long its surfaces are; an aligned one says nothing.
    if view.set(F::NONALIGN) {
        view.held(F::SURF_LEN, |v| v > 0, rules::SURFACE_LENGTH)?;
    } else {
        view.only(F::SURF_LEN, 0, "0 of an aligned cube")?;
    }
    view.only(dpu::DATA_CUBE_HEIGHT::MINMAX_CTL, 0, "no minimum or maximum search (0)")?;
    view.zero(&[0x4014, 0x40C4])
}
