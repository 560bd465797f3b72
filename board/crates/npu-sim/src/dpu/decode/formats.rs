//! Formats of a task: the rows of §2.7, by the codes of `DATA_FORMAT`.

use npu_regs::{Register, RegisterInfo, dpu};

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
