//! What happens to the sums of a convolution task, at device addresses.

use npu_device::{ChannelParameters, ConvolutionResult, OutputConversion, Rectifier, Rescale};

/// What happens to the sums of a convolution task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// int32 or fp32, untouched.
    Wide,
    Fp16 {
        operand: Option<Operand>,
        relu: bool,
    },
    /// The integer pipeline.
    Integer {
        parameters: Option<Stream>,
        rectifier: Rectifier,
        operand: Option<Operand>,
        lookup: Option<Lookup>,
        output: OutputConversion,
        into: Written,
    },
}

/// What the integer pipeline's results are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Int8,
    /// Divided by a power of two.
    Fp16 {
        exponent: u8,
    },
}

/// The tables instead of rectifier and operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    /// From the scaled sums to the tables' input.
    pub(crate) rescale: Rescale,
    /// log2 of the distance of two entries.
    pub(crate) step_shift: u8,
}

/// A map that the element-wise stage adds, at a device address, in the output's layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    pub(crate) address: u32,
    /// Identity for fp16, which has no conversion.
    pub(crate) rescale: Rescale,
    pub(crate) relu: bool,
}

/// A parameter stream at a device address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) address: u32,
    /// Bias, factor and multiplier instead of the bias alone.
    pub(crate) full: bool,
    pub(crate) zero_point_factor: i16,
}

impl Stream {
    pub(crate) fn of(parameters: &ChannelParameters, address: u32) -> Self {
        match *parameters {
            ChannelParameters::Full(_) => Self {
                address,
                full: true,
                zero_point_factor: 0,
            },
            ChannelParameters::Bias { zero_point_factor, .. } => Self {
                address,
                full: false,
                zero_point_factor,
            },
        }
    }

    /// Bytes of a channel (§2.6).
    pub(crate) const fn channel_bytes(self) -> usize {
        if self.full { 8 } else { 4 }
    }
}

impl Stage {
    /// The stage of a result; addresses where it reads something.
    pub(crate) fn of(result: &ConvolutionResult, parameters: Option<Stream>, residual: Option<u32>) -> Self {
        match *result {
            ConvolutionResult::Wide => Self::Wide,
            ConvolutionResult::Fp16 { relu, .. } => Self::Fp16 {
                operand: residual.map(|address| Operand {
                    address,
                    rescale: Rescale::IDENTITY,
                    relu,
                }),
                relu,
            },
            ConvolutionResult::Int8 {
                rectifier,
                residual: added,
                output,
                ..
            } => Self::Integer {
                parameters,
                rectifier,
                operand: added.zip(residual).map(|(added, address)| Operand {
                    address,
                    rescale: added.rescale,
                    relu: added.relu,
                }),
                lookup: None,
                output,
                into: Written::Int8,
            },
            ConvolutionResult::Fp16OfInt8 {
                rectifier,
                output,
                exponent,
                ..
            } => Self::Integer {
                parameters,
                rectifier,
                operand: None,
                lookup: None,
                output,
                into: Written::Fp16 { exponent },
            },
        }
    }

    /// The stage with tables before the conversion; `None` where something else takes their place.
    pub(crate) const fn through(mut self, tables: Lookup) -> Option<Self> {
        match &mut self {
            Self::Integer {
                rectifier: Rectifier::None,
                operand: None,
                into: Written::Int8,
                lookup,
                ..
            } => *lookup = Some(tables),
            _ => return None,
        }
        Some(self)
    }

    /// Channels of an output surface and its bytes per pixel (§2.7).
    pub(crate) const fn surface(&self) -> (usize, usize) {
        match self {
            Self::Wide => (4, 16),
            Self::Fp16 { .. }
            | Self::Integer {
                into: Written::Fp16 { .. },
                ..
            } => (4, 8),
            Self::Integer {
                into: Written::Int8, ..
            } => (8, 8),
        }
    }

    /// The stage `channels` channels and `output_bytes` bytes of output further on.
    pub(super) const fn further(mut self, channels: usize, output_bytes: u32) -> Self {
        if let Self::Integer {
            parameters: Some(stream),
            ..
        } = &mut self
        {
            stream.address += (channels * stream.channel_bytes()) as u32;
        }
        if let Self::Integer {
            operand: Some(operand), ..
        }
        | Self::Fp16 {
            operand: Some(operand), ..
        } = &mut self
        {
            operand.address += output_bytes;
        }
        self
    }
}
