//! The activation tables' ranges as the registers of the task say (sheet §2.6, §12.17).

use npu_regs::{Register, dpu};

use super::signed_16;
use crate::dpu::lookup::{Lookup, Range, Slope};
use crate::fault::FaultKind;
use crate::file::{View, broken};
use crate::rules;

/// Largest fraction of an index that makes sense: a table then spans every int32.
const LARGEST_SELECT: u32 = 31;

pub(super) fn lookup(view: &View<'_>) -> Result<Lookup, FaultKind> {
    use dpu::{LUT_CFG as C, LUT_INFO as I};
    // Known tasks write 0x68 or 0x28 (§12.17): the choice by range, and LO above. The priority inside is not looked at,
    // since LE answers where both tables cover an input, whatever HYBRID_PRIORITY says.
    view.only(C::LUT_LO_LE_MUX, 2, "the choice by range (2)")?;
    view.only(C::LUT_CAL_SEL, 0, "0")?;
    view.only(C::LUT_EXPAND_EN, 0, "two tables (0)")?;
    view.only(C::LUT_ROAD_SEL, 0, "0")?;
    let select = |value: u32, field: &'static str| {
        if value <= LARGEST_SELECT {
            Ok(value)
        } else {
            Err(broken(I::INFO, field, value, rules::TABLE_RANGE))
        }
    };
    let slope = |scale: u32, shift: u32| Slope {
        scale: signed_16(scale),
        shift,
    };
    use dpu::{
        LUT_LE_SLOPE_SCALE as LES, LUT_LE_SLOPE_SHIFT as LEH, LUT_LO_SLOPE_SCALE as LOS, LUT_LO_SLOPE_SHIFT as LOH,
    };
    let le = Range {
        start: view.raw::<dpu::LUT_LE_START>() as i32,
        end: view.raw::<dpu::LUT_LE_END>() as i32,
        select: select(view.get(I::LUT_LE_INDEX_SELECT), I::LUT_LE_INDEX_SELECT.name)?,
        below: slope(
            view.get(LES::LUT_LE_SLOPE_UFLOW_SCALE),
            view.get(LEH::LUT_LE_SLOPE_UFLOW_SHIFT),
        ),
        above: slope(
            view.get(LES::LUT_LE_SLOPE_OFLOW_SCALE),
            view.get(LEH::LUT_LE_SLOPE_OFLOW_SHIFT),
        ),
    };
    let lo = Range {
        start: view.raw::<dpu::LUT_LO_START>() as i32,
        end: view.raw::<dpu::LUT_LO_END>() as i32,
        select: select(view.get(I::LUT_LO_INDEX_SELECT), I::LUT_LO_INDEX_SELECT.name)?,
        below: slope(
            view.get(LOS::LUT_LO_SLOPE_UFLOW_SCALE),
            view.get(LOH::LUT_LO_SLOPE_UFLOW_SHIFT),
        ),
        above: slope(
            view.get(LOS::LUT_LO_SLOPE_OFLOW_SCALE),
            view.get(LOH::LUT_LO_SLOPE_OFLOW_SHIFT),
        ),
    };
    if le.start > le.end {
        let register = dpu::LUT_LE_END::INFO;
        return Err(broken(register, "LUT_LE_END", le.end as u32, rules::TABLE_RANGE));
    }
    if lo.start > lo.end {
        let register = dpu::LUT_LO_END::INFO;
        return Err(broken(register, "LUT_LO_END", lo.end as u32, rules::TABLE_RANGE));
    }
    Ok(Lookup {
        le,
        lo,
        lo_above: view.set(C::LUT_OFLOW_PRIORITY),
        lo_below: view.set(C::LUT_UFLOW_PRIORITY),
    })
}
