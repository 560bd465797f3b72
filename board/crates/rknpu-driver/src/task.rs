//! Hardware tasks as the planner leaves them and the builder takes them: shapes, device addresses, banks. Writes no
//! registers.

use alloc::sync::Arc;

use npu_device::{
    ActivationTable, ChannelParameters, ConvolutionResult, OutputConversion, PoolMethod, Precision, Rectifier, Rescale,
    Window,
};
use npu_regs::task::{Mix, TABLE_WORDS};

/// One hardware task and the operation of the job it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskPlan {
    pub(crate) operation: usize,
    pub(crate) work: Work,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Convolution(ConvolutionTask),
    PointWise(PointWiseTask),
    Pool(PoolTask),
    Table(TableTask),
    /// A copy of a few bytes inside the driver's own memory: evens a count, or ends a chain that would end in the PPU.
    Idle,
    /// A chain that the caller built: a start of its own.
    Raw(RawTask),
}

impl TaskPlan {
    /// The blocks it runs on.
    pub(crate) fn mix(&self) -> Mix {
        match &self.work {
            Work::Convolution(task) if task.reads_beside() => Mix::ConvolutionRdma,
            Work::Convolution(_) => Mix::Convolution,
            Work::Pool(_) => Mix::Pooling,
            Work::PointWise(_) | Work::Table(_) | Work::Idle | Work::Raw(_) => Mix::Dpu,
        }
    }

    /// Command words of its stream.
    pub(crate) fn words(&self) -> usize {
        match &self.work {
            Work::Table(_) => TABLE_WORDS,
            Work::Raw(raw) => raw.words as usize,
            _ => self.mix().words(),
        }
    }
}

/// Where pixels of a convolution come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Surfaces, all kernels see all channels.
    Dense,
    /// Surfaces, each channel has its kernel.
    Depthwise,
    /// One to four interleaved channels.
    Interleaved {
        /// The loader subtracts 128.
        unsigned: bool,
    },
}

/// A convolution task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConvolutionTask {
    pub(crate) precision: Precision,
    pub(crate) source: Source,
    /// Pixels of a row.
    pub(crate) width: usize,
    /// Rows of the band.
    pub(crate) rows: usize,
    /// Announced channels: whole surfaces.
    pub(crate) channels: usize,
    pub(crate) real_channels: usize,
    pub(crate) features: u32,
    /// 8-byte units from row to row.
    pub(crate) line_stride: usize,
    /// 8-byte units from surface to surface.
    pub(crate) surface_stride: usize,
    /// Padding left and above is that of the band.
    pub(crate) window: Window,
    pub(crate) pad_value: i16,
    /// Kernels of the slice; channels of the group for depthwise.
    pub(crate) kernels: usize,
    /// Bytes of one kernel; of all channels for depthwise, which the loader counts as one kernel.
    pub(crate) kernel_bytes: usize,
    pub(crate) weights: u32,
    pub(crate) data_banks: usize,
    pub(crate) weight_banks: usize,
    pub(crate) data_reuse: bool,
    pub(crate) weight_reuse: bool,
    pub(crate) out_width: usize,
    pub(crate) out_rows: usize,
    pub(crate) output: u32,
    /// Bytes from output surface to output surface.
    pub(crate) out_surface_bytes: usize,
    pub(crate) stage: Stage,
}

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
        output: OutputConversion,
        into: Into,
    },
}

/// What the integer pipeline's results are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Into {
    Int8,
    /// Divided by a power of two.
    Fp16 {
        exponent: u8,
    },
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
                output,
                into: Into::Int8,
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
                output,
                into: Into::Fp16 { exponent },
            },
        }
    }

    /// Channels of an output surface and its bytes per pixel (§2.7).
    pub(crate) const fn surface(&self) -> (usize, usize) {
        match self {
            Self::Wide => (4, 16),
            Self::Fp16 { .. }
            | Self::Integer {
                into: Into::Fp16 { .. },
                ..
            } => (4, 8),
            Self::Integer { into: Into::Int8, .. } => (8, 8),
        }
    }

    /// The stage `channels` channels and `output_bytes` bytes of output further on.
    const fn further(mut self, channels: usize, output_bytes: u32) -> Self {
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

impl ConvolutionTask {
    pub(crate) const fn parameters(&self) -> Option<Stream> {
        match self.stage {
            Stage::Integer { parameters, .. } => parameters,
            Stage::Wide | Stage::Fp16 { .. } => None,
        }
    }

    /// The map that the element-wise stage adds.
    pub(crate) const fn operand(&self) -> Option<Operand> {
        match self.stage {
            Stage::Integer { operand, .. } | Stage::Fp16 { operand, .. } => operand,
            Stage::Wide => None,
        }
    }

    /// Whether DPU_RDMA reads anything beside the convolution.
    pub(crate) const fn reads_beside(&self) -> bool {
        self.parameters().is_some() || self.operand().is_some()
    }

    /// Kernels of one pass of the array: 16 or 8, 32 or 16 channels for depthwise (§2.7).
    pub(crate) const fn group(&self) -> usize {
        match self.source {
            Source::Depthwise => self.precision.channel_slice() as usize,
            Source::Dense | Source::Interleaved { .. } => self.precision.kernel_group() as usize,
        }
    }

    /// Output channels as the writer counts them (§12.8).
    pub(crate) const fn aligned_kernels(&self) -> usize {
        self.kernels.next_multiple_of(self.group())
    }

    /// Whether the task is a slice of a matrix product: one row of pixels, one tap.
    pub(crate) fn is_product(&self) -> bool {
        self.rows == 1 && self.source == Source::Dense && self.window == Window::of(1, 1)
    }

    /// The task from kernel `first` on, with `count` kernels. `first` is a multiple of the group.
    pub(crate) fn kernel_slice(&self, first: usize, count: usize) -> Self {
        let (channels, _) = self.stage.surface();
        let output_bytes = (first / channels * self.out_surface_bytes) as u32;
        Self {
            kernels: count,
            weights: self.weights + (first * self.kernel_bytes) as u32,
            output: self.output + output_bytes,
            stage: self.stage.further(first, output_bytes),
            ..*self
        }
    }

    /// Where the task's results begin when its first output row is row `first` of the map.
    pub(crate) fn at_output_row(&self, first: usize) -> Self {
        let (_, pixel_bytes) = self.stage.surface();
        let output_bytes = (first * self.out_width * pixel_bytes) as u32;
        Self {
            output: self.output + output_bytes,
            stage: self.stage.further(0, output_bytes),
            ..*self
        }
    }
}

/// What a task of DPU and DPU_RDMA does with each value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PointWise {
    /// Rescale in the first stage.
    Requantize(Rescale),
    /// Rescale in the first stage, a second operand in the element-wise stage.
    Add { a: Rescale, operand: Operand },
    /// Rescale in the second stage, then the tables, whose entries are `2^step_shift` apart.
    Table { rescale: Rescale, step_shift: u8 },
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
            Self::Requantize(_) | Self::Table { .. } | Self::Dequantize { .. } => None,
        }
    }

    /// Format of the input.
    pub(crate) const fn precision(&self) -> Precision {
        match self {
            Self::Requantize(_) | Self::Add { .. } | Self::Table { .. } => Precision::Int8,
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

/// A pooling task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolTask {
    pub(crate) precision: Precision,
    pub(crate) method: PoolMethod,
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Whole surfaces.
    pub(crate) channels: usize,
    pub(crate) out_width: usize,
    pub(crate) out_height: usize,
    pub(crate) window: Window,
    pub(crate) pad_value: i32,
    pub(crate) input: u32,
    pub(crate) output: u32,
}

/// Loads one activation table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableTask {
    pub(crate) table: Arc<ActivationTable>,
    /// LO instead of LE.
    pub(crate) upper: bool,
}

/// A chain in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawTask {
    pub(crate) address: u32,
    pub(crate) words: u32,
    pub(crate) tasks: u32,
    pub(crate) interrupt_mask: u32,
}
