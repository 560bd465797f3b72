//! A task of DPU and DPU_RDMA alone.

use npu_device::{OutputConversion, Precision, Rescale};

use super::{Lookup, Operand};

/// What a task of DPU and DPU_RDMA does with each value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PointWise {
    /// Rescale in the first stage.
    Requantize(Rescale),
    /// Rescale in the first stage, a second operand in the element-wise stage.
    Add { a: Rescale, operand: Operand },
    /// Rescale in the second stage, then the tables.
    Table(Lookup),
    /// fp16: a second operand in the element-wise stage, unconverted.
    AddFp16(Operand),
    /// fp16 to fp32: adds fp32 bits and multiplies by fp16 bits in the first stage.
    Dequantize { offset: u32, multiplier: u16 },
}

impl PointWise {
    /// The same `bytes` bytes further into its second operand.
    pub(crate) const fn further(mut self, bytes: u32) -> Self {
        if let Self::Add { operand, .. } | Self::AddFp16(operand) = &mut self {
            operand.address += bytes;
        }
        self
    }

    /// The second operand.
    pub(crate) const fn operand(&self) -> Option<Operand> {
        match *self {
            Self::Add { operand, .. } | Self::AddFp16(operand) => Some(operand),
            Self::Requantize(_) | Self::Table(_) | Self::Dequantize { .. } => None,
        }
    }

    /// Format of the input.
    pub(crate) const fn precision(&self) -> Precision {
        match self {
            Self::Requantize(_) | Self::Add { .. } | Self::Table(_) => Precision::Int8,
            Self::AddFp16(_) | Self::Dequantize { .. } => Precision::Fp16,
        }
    }
}

/// A task of DPU and DPU_RDMA over surfaces of 8 bytes a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PointWiseTask {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Whole surfaces.
    pub(crate) channels: usize,
    pub(crate) input: u32,
    pub(crate) output: u32,
    /// Bytes from surface to surface, of every operand.
    pub(crate) surface_bytes: usize,
    /// The same of the output.
    pub(crate) out_surface_bytes: usize,
    pub(crate) what: PointWise,
    pub(crate) conversion: OutputConversion,
}

impl PointWiseTask {
    /// One surface of `pixels` pixels copied over itself.
    pub(crate) const fn copy(address: u32, pixels: usize) -> Self {
        Self {
            width: pixels,
            height: 1,
            channels: 8,
            input: address,
            output: address + 32,
            surface_bytes: 32,
            out_surface_bytes: 32,
            what: PointWise::Requantize(Rescale::IDENTITY),
            conversion: OutputConversion::IDENTITY,
        }
    }
}
