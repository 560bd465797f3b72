//! What the DPU registers of a task say, checked: formats, stages, converter (sheet §2.6, §2.7, §12.13 to §12.17). Touches
//! no memory and judges no address. Every field that no source explains must have an observed value.

use npu_regs::{Block, Register, RegisterInfo, dpu};

use super::converter::Converter;
use super::element::{Element, Operation, Source};
use super::lookup::{Lookup, Range, Slope};
use super::rounding::Ties;
use super::stage::{Algorithm, Multiplier, Operand, Rectifier, Stage};
use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::rules;

/// Format codes of `DATA_FORMAT` (§2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Code 0.
    Int8,
    /// Code 2.
    Fp16,
    /// Code 4.
    Int32,
    /// Code 5.
    Fp32,
}

impl Format {
    /// Bytes of an element.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Int8 => 1,
            Self::Fp16 => 2,
            Self::Int32 | Self::Fp32 => 4,
        }
    }

    /// Bytes of a pixel in one surface: 8, but 16 for 32-bit elements (§2.7).
    pub(crate) const fn atom_bytes(self) -> usize {
        match self {
            Self::Int8 | Self::Fp16 => 8,
            Self::Int32 | Self::Fp32 => 16,
        }
    }

    /// Channels of a pixel in one surface.
    pub(crate) const fn atom_channels(self) -> usize {
        self.atom_bytes() / self.bytes()
    }

    /// The format of a code, or its refusal under the name of the field that holds it.
    pub(crate) fn of(code: u32, register: &'static RegisterInfo, field: &'static str) -> Result<Self, FaultKind> {
        match code {
            0 => Ok(Self::Int8),
            2 => Ok(Self::Fp16),
            4 => Ok(Self::Int32),
            5 => Ok(Self::Fp32),
            1 => Err(not_modelled(register, field, code, "no int16 (§12.21)")),
            3 => Err(not_modelled(register, field, code, "no bf16 (§12.21)")),
            _ => Err(not_modelled(
                register,
                field,
                code,
                "int8 (0), fp16 (2), int32 (4), fp32 (5)",
            )),
        }
    }
}

/// Numbers of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// int32 values.
    Integer,
    /// fp32 values.
    Float,
}

/// Formats of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Formats {
    pub(crate) arithmetic: Arithmetic,
    pub(crate) out: Format,
}

/// Where a compensation factor comes from (§12.14).
pub(crate) type Compensation = Option<Operand>;

/// Reads `DATA_FORMAT` and checks that a row of §2.7 has it. `input` is what arrives: int8 or fp16 for accumulators of
/// those operands, else the format of the main read channel.
pub(crate) fn formats(view: &View<'_>, input: Format) -> Result<Formats, FaultKind> {
    use dpu::DATA_FORMAT as F;
    let read = Format::of(view.get(F::IN_PRECISION), F::INFO, F::IN_PRECISION.name)?;
    if read != input {
        return Err(broken(
            F::INFO,
            F::IN_PRECISION.name,
            view.get(F::IN_PRECISION),
            rules::FORMATS,
        ));
    }
    let out = Format::of(view.get(F::OUT_PRECISION), F::INFO, F::OUT_PRECISION.name)?;
    view.only(F::MC_SURF_OUT, 0, "0")?;
    let processing = view.get(F::PROC_PRECISION);
    let arithmetic = match (Format::of(processing, F::INFO, F::PROC_PRECISION.name)?, input) {
        (Format::Int8, Format::Int8) => Arithmetic::Integer,
        (Format::Fp16, Format::Fp16 | Format::Fp32) => Arithmetic::Float,
        _ => return Err(broken(F::INFO, F::PROC_PRECISION.name, processing, rules::FORMATS)),
    };
    let float = arithmetic == Arithmetic::Float;
    if float && !matches!(out, Format::Fp16 | Format::Fp32) {
        let (field, code) = (F::OUT_PRECISION.name, view.get(F::OUT_PRECISION));
        return Err(not_modelled(
            F::INFO,
            field,
            code,
            "fp16 (2) or fp32 (5) results of fp16 processing",
        ));
    }
    if float && !cfg!(feature = "float") {
        let field = F::PROC_PRECISION.name;
        return Err(not_modelled(F::INFO, field, processing, "built without floating point"));
    }
    Ok(Formats { arithmetic, out })
}

/// The registers of BS or BN: same layout, four words apart.
struct StageRegisters {
    config: (&'static RegisterInfo, u32),
    alu: u32,
    multiplier: (&'static RegisterInfo, u32),
    bound: u32,
    negative_shift: u32,
}

impl StageRegisters {
    fn field(&self, lsb: u8) -> &'static str {
        name(self.config.0, lsb)
    }
}

fn name(register: &'static RegisterInfo, lsb: u8) -> &'static str {
    let field = register.fields.iter().find(|field| field.lsb == lsb);
    field.map_or("", |field| field.name)
}

/// BS.
pub(crate) fn bs(view: &View<'_>) -> Result<Stage, FaultKind> {
    stage(&StageRegisters {
        config: (dpu::BS_CFG::INFO, view.raw::<dpu::BS_CFG>()),
        alu: view.raw::<dpu::BS_ALU_CFG>(),
        multiplier: (dpu::BS_MUL_CFG::INFO, view.raw::<dpu::BS_MUL_CFG>()),
        bound: view.raw::<dpu::BS_RELUX_CMP_VALUE>(),
        negative_shift: view.get(dpu::DATA_FORMAT::BS_MUL_SHIFT_VALUE_NEG),
    })
}

/// BN. Its stream has no observed use, so its operands come from registers.
pub(crate) fn bn(view: &View<'_>) -> Result<Stage, FaultKind> {
    let registers = StageRegisters {
        config: (dpu::BN_CFG::INFO, view.raw::<dpu::BN_CFG>()),
        alu: view.raw::<dpu::BN_ALU_CFG>(),
        multiplier: (dpu::BN_MUL_CFG::INFO, view.raw::<dpu::BN_MUL_CFG>()),
        bound: view.raw::<dpu::BN_RELUX_CMP_VALUE>(),
        negative_shift: view.get(dpu::DATA_FORMAT::BN_MUL_SHIFT_VALUE_NEG),
    };
    let stage = stage(&registers)?;
    let modelled = "operand from the register (0)";
    match stage.streams() {
        (true, _) => Err(not_modelled(dpu::BN_CFG::INFO, "BN_ALU_SRC", 1, modelled)),
        (_, true) => Err(not_modelled(dpu::BN_MUL_CFG::INFO, "BN_MUL_SRC", 1, modelled)),
        _ => Ok(stage),
    }
}

fn stage(registers: &StageRegisters) -> Result<Stage, FaultKind> {
    use dpu::{BS_CFG as C, BS_MUL_CFG as M};
    let (register, config) = registers.config;
    if C::BS_BYPASS.get(config) == 1 {
        return Ok(Stage::BYPASS);
    }
    let alu = if C::BS_ALU_BYPASS.get(config) == 1 {
        None
    } else {
        let code = C::BS_ALU_ALGO.get(config);
        let algorithm = algorithm(code)
            .ok_or_else(|| not_modelled(register, registers.field(2), code, "max (0), min (1), add (2)"))?;
        let operand = match C::BS_ALU_SRC.get(config) {
            0 => Operand::Common(registers.alu as i32),
            _ => Operand::Stream,
        };
        Some((algorithm, operand))
    };
    let multiplier = if C::BS_MUL_BYPASS.get(config) == 1 {
        None
    } else {
        let (register, value) = registers.multiplier;
        if M::BS_TRUNCATE_SRC.get(value) != 0 {
            return Err(not_modelled(
                register,
                name(register, 1),
                1,
                "shift from the register (0)",
            ));
        }
        let operand = match M::BS_MUL_SRC.get(value) {
            0 => Operand::Common(signed_16(M::BS_MUL_OPERAND.get(value))),
            _ => Operand::Stream,
        };
        Some(Multiplier {
            operand,
            shift: M::BS_MUL_SHIFT_VALUE.get(value),
            negative_shift: registers.negative_shift,
            leaky: C::BS_MUL_PRELU.get(config) == 1,
        })
    };
    let rectifier = rectifier(
        C::BS_RELU_BYPASS.get(config) == 1,
        C::BS_RELUX_EN.get(config) == 1,
        registers.bound,
    );
    Ok(Stage {
        alu,
        multiplier,
        rectifier,
    })
}

fn algorithm(code: u32) -> Option<Algorithm> {
    match code {
        0 => Some(Algorithm::Max),
        1 => Some(Algorithm::Min),
        2 => Some(Algorithm::Add),
        _ => None,
    }
}

fn rectifier(bypass: bool, bounded: bool, bound: u32) -> Rectifier {
    match (bypass, bounded) {
        (true, _) => Rectifier::Off,
        (false, false) => Rectifier::Relu,
        (false, true) => Rectifier::ReluX(bound as i32),
    }
}

const fn signed_16(value: u32) -> i32 {
    value as u16 as i16 as i32
}

/// The compensation factor of `BS_OW_CFG`; `sums` says whether feature sums exist.
pub(crate) fn compensation(view: &View<'_>, sums: bool) -> Result<Compensation, FaultKind> {
    use dpu::BS_OW_CFG as O;
    view.only(O::TP_ORG_EN, 0, "no transpose (§12.21)")?;
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

/// EW of the integer pipeline.
pub(crate) fn element(view: &View<'_>) -> Result<Element, FaultKind> {
    use dpu::EW_CFG as E;
    if view.set(E::EW_BYPASS) {
        return Ok(Element::Bypass);
    }
    view.held(E::EDATA_SIZE, |v| v != 3, rules::OPERAND_SIZE)?;
    view.only(E::EDATA_SIZE, 0, "8-bit operands (0), as in every vendor task")?;
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
        view.only(E::EW_DATA_MODE, 1, "one operand per pixel (1)")?;
        Source::Reader(operand_converter(view))
    } else {
        Source::Register(register_operand(view)?)
    };
    Ok(Element::Join {
        source,
        operation: operation(view)?,
        rectifier,
    })
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

const fn ties(up: bool) -> Ties {
    if up { Ties::Up } else { Ties::Even }
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

/// Largest fraction of an index that makes sense: a table then spans every int32.
const LARGEST_SELECT: u32 = 31;

fn lookup(view: &View<'_>) -> Result<Lookup, FaultKind> {
    use dpu::{LUT_CFG, LUT_INFO as I};
    let config = view.raw::<LUT_CFG>();
    // §12.17 accepts both; where the tables overlap LE answers in either.
    if !matches!(config, 0x68 | 0x28) {
        return Err(not_modelled(LUT_CFG::INFO, "", config, "0x68 or 0x28"));
    }
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
    Ok(Lookup { le, lo })
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
    view.only(F::TP_EN, 0, "no transpose (§12.21)")?;
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
    view.zero(Block::Dpu, &[0x4014, 0x40C4])
}
