//! The DPU of a task: compensation, BS, BN, EW, OUT_CVT and the output writer, decoded and run (sheet §2.6, §2.7).
//!
//! ```text
//!   tile ─▶ CPEND ─▶ stage BS ─▶ stage BN ─▶ element (operand, table) ─▶ converter ─▶ encode ─▶ surfaces ─▶ memory
//! ```
//!
//! Knows what arrives as a cube of values, from CORE or from DPU_RDMA; refuses to know where it came from.

mod converter;
mod decode;
mod element;
mod encode;
#[cfg(feature = "float")]
mod float;
mod lookup;
mod rounding;
mod sink;
mod stage;
mod surfaces;

pub(crate) use decode::Format;
pub(crate) use element::Operands;
pub(crate) use rounding::shift_away;
pub(crate) use sink::{Feeds, Parameters, Scratch, Sink};
pub(crate) use surfaces::{Surfaces, output_fault};

use converter::Converter;
use decode::{Arithmetic, Compensation, Formats};
use element::{Element, Operation, Source};
use npu_regs::stage::{Bn, Bs, ScaleStage};
use npu_regs::{Register, dpu};
use stage::Stage;
use surfaces::Delivered;

use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::rules;
use crate::tile::{Cube, Precision};

/// What arrives at the DPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Aligned channels.
    pub(crate) channels: usize,
    /// Channels that arrive together.
    pub(crate) group: usize,
    /// Element format; of accumulators that of the operands they were made from.
    pub(crate) format: Format,
    pub(crate) depthwise: bool,
    /// Feature sums come along.
    pub(crate) sums: bool,
    /// From DPU_RDMA instead of CORE.
    pub(crate) flying: bool,
}

impl Input {
    /// Accumulators of the array.
    pub(crate) fn of(cube: &Cube) -> Self {
        let (format, group) = match (cube.precision, cube.depthwise) {
            (Precision::Int8, false) => (Format::Int8, 16),
            (Precision::Int8, true) => (Format::Int8, 32),
            (Precision::Fp16, false) => (Format::Fp16, 8),
            (Precision::Fp16, true) => (Format::Fp16, 16),
        };
        Self {
            width: cube.width,
            height: cube.height,
            channels: cube.channels,
            group,
            format,
            depthwise: cube.depthwise,
            sums: cube.sums,
            flying: false,
        }
    }

    /// Pixels of the cube.
    pub(crate) const fn pixels(&self) -> usize {
        self.width * self.height
    }
}

/// A decoded task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dpu {
    pub(crate) input: Input,
    formats: Formats,
    compensation: Compensation,
    bs: Stage,
    bn: Stage,
    element: Element,
    out: Converter,
    /// Float results of the integer pipeline are scaled by `2^-exponent`.
    exponent: u32,
    pub(crate) surfaces: Surfaces,
}

impl Dpu {
    /// Reads and checks every register of the DPU.
    pub(crate) fn decode(view: &View<'_>, input: &Input, dma_base: u32) -> Result<Self, FaultKind> {
        decode::constants(view, input.flying, input.depthwise)?;
        let formats = decode::formats(view, input.format)?;
        let compensation = decode::compensation(view, input.sums)?;
        let (bs, bn) = (decode::stage::<Bs>(view)?, decode::stage::<Bn>(view)?);
        let element = decode::element(view, input.format)?;
        if input.depthwise && element.reads().is_some() {
            let (register, field) = (dpu::EW_CFG::INFO, dpu::EW_CFG::EW_OP_BYPASS.name);
            return Err(broken(register, field, 0, rules::ADD_ON_DEPTHWISE));
        }
        let (out, exponent) = decode::out(view, formats)?;
        let delivered = Delivered {
            width: input.width,
            height: input.height,
            channels: input.channels,
            group: input.group,
            column: !input.flying && input.width == 1,
        };
        let surfaces = Surfaces::decode(view, &delivered, formats.out, dma_base)?;
        let dpu = Self {
            input: *input,
            formats,
            compensation,
            bs,
            bn,
            element,
            out,
            exponent,
            surfaces,
        };
        if formats.arithmetic == Arithmetic::Float {
            dpu.check_float(view)?;
        }
        Ok(dpu)
    }

    /// What the parameter stream must hold: ALU operands, compensation factors, multipliers.
    pub(crate) fn streams(&self) -> [bool; 3] {
        let (alu, multiplier) = self.bs.streams();
        [alu, self.compensation == Some(stage::Operand::Stream), multiplier]
    }

    /// What the second stream must hold: ALU operands and multipliers of BN.
    pub(crate) fn second_streams(&self) -> [bool; 3] {
        let (alu, multiplier) = self.bn.streams();
        [alu, false, multiplier]
    }

    /// What DPU_RDMA must deliver beside the streams.
    pub(crate) fn operands(&self) -> Option<Operands> {
        self.element.reads()
    }

    /// Whether accumulators leave as they came.
    fn copies(&self) -> bool {
        self.formats.out == Format::Int32
            && self.compensation.is_none()
            && (self.bs, self.bn) == (Stage::BYPASS, Stage::BYPASS)
            && self.element == Element::Bypass
            && self.out.is_identity()
    }

    /// What the float pipeline leaves out: shifts, compensation, tables, converted operands.
    fn check_float(&self, view: &View<'_>) -> Result<(), FaultKind> {
        use dpu::{BS_OW_CFG as O, EW_CFG as E};
        if self.compensation.is_some() {
            return Err(broken(O::INFO, O::OD_BYPASS.name, 0, rules::NO_SUMS));
        }
        unshifted::<Bs>(&self.bs)?;
        unshifted::<Bn>(&self.bn)?;
        let plain = match &self.element {
            Element::Bypass | Element::Rectify(_) => true,
            Element::Table(..) => false,
            Element::Join { source, operation, .. } => {
                let shifts = match operation {
                    Operation::Multiply {
                        shift, negative_shift, ..
                    } => shift | negative_shift,
                    Operation::Alu(_) => 0,
                };
                shifts == 0 && !matches!(source, Source::Reader { converter, .. } if !converter.is_identity())
            }
        };
        if plain {
            Ok(())
        } else {
            let modelled = "fp16 operands without conversion, and no table";
            Err(not_modelled(E::INFO, "", view.raw::<E>(), modelled))
        }
    }
}

/// A stage of the float pipeline shifts nothing.
fn unshifted<S: ScaleStage>(stage: &Stage) -> Result<(), FaultKind> {
    match stage.multiplier.map_or(0, |m| m.shift | m.negative_shift) {
        0 => Ok(()),
        shifts => Err(not_modelled(
            S::Multiplier::INFO,
            S::SHIFT.name,
            shifts,
            "no shift (0) of fp16",
        )),
    }
}
