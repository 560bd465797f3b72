//! A convolution task: what it reads, what it multiplies, where results go.

use npu_device::{Precision, Window};

use super::{Lookup, Operand, Stage, Stream};

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

    /// The tables of the element-wise stage.
    pub(crate) const fn lookup(&self) -> Option<Lookup> {
        match self.stage {
            Stage::Integer { lookup, .. } => lookup,
            Stage::Wide | Stage::Fp16 { .. } => None,
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
        self.at_output_pixel(first * self.out_width)
    }

    /// Where the task's results begin when its first output is pixel `first` of the map.
    pub(crate) fn at_output_pixel(&self, first: usize) -> Self {
        let (_, pixel_bytes) = self.stage.surface();
        let output_bytes = (first * pixel_bytes) as u32;
        Self {
            output: self.output + output_bytes,
            stage: self.stage.further(0, output_bytes),
            ..*self
        }
    }
}
