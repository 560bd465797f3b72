//! What a job consists of. Each operation says where its operands lie, in the native layouts of [`crate::layout`], and
//! what is to be computed; how many hardware tasks that takes is the driver's business. Knows no register.

use alloc::vec::Vec;

use crate::{
    ActivatedConvolution, Activation, Add, AddFp16, BufferId, BufferRange, Convolution, Dequantize, DeviceError, Pool,
    RawCommands, Requantize,
};

/// One step of a job. Steps run in order; a later one may read what an earlier one wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// int8 × int8 → int32 matrix product.
    MatmulInt8(MatmulInt8),
    /// fp16 × fp16 → fp32 matrix product.
    MatmulFp16(MatmulFp16),
    /// Convolution: dense, depthwise or first layer.
    Convolution(Convolution),
    /// int8 convolution with a function given as two tables, fused.
    ActivatedConvolution(ActivatedConvolution),
    /// Element-wise sum of two int8 feature maps.
    Add(Add),
    /// Element-wise sum of two fp16 feature maps.
    AddFp16(AddFp16),
    /// Maximum, minimum or average over windows.
    Pool(Pool),
    /// int8 function given as two tables.
    Activation(Activation),
    /// int8 feature map onto another scale.
    Requantize(Requantize),
    /// fp16 feature map as fp32, shifted and scaled.
    Dequantize(Dequantize),
    /// Command words that the caller built.
    Raw(RawCommands),
}

impl Operation {
    /// Buffers that must stay allocated while the operation is queued or runs.
    pub fn buffers(&self) -> Vec<BufferId> {
        let ranges: &[BufferRange] = match self {
            Self::MatmulInt8(op) => &[op.a, op.b, op.c],
            Self::MatmulFp16(op) => &[op.a, op.b, op.c],
            Self::Convolution(op) => return op.buffers(),
            Self::ActivatedConvolution(op) => return op.convolution.buffers(),
            Self::Add(op) => &[op.a.at, op.b, op.output],
            Self::AddFp16(op) => &[op.a.at, op.b, op.output],
            Self::Pool(op) => &[op.input.at, op.output],
            Self::Activation(op) => &[op.input.at, op.output],
            Self::Requantize(op) => &[op.input.at, op.output],
            Self::Dequantize(op) => &[op.input.at, op.output],
            Self::Raw(op) => {
                return core::iter::once(op.commands.buffer)
                    .chain(op.operands.iter().copied())
                    .collect();
            }
        };
        ranges.iter().map(|range| range.buffer).collect()
    }

    /// The int8 product, for back ends that do nothing else.
    pub fn matmul_int8(&self) -> Result<MatmulInt8, DeviceError> {
        match self {
            Self::MatmulInt8(operation) => Ok(*operation),
            _ => Err(DeviceError::Unsupported(
                "this back end runs int8 matrix products only".into(),
            )),
        }
    }

    /// Multiply-accumulates (additions for sums, comparisons or additions for windows); 0 where the words are the
    /// caller's own.
    pub fn macs(&self) -> u64 {
        let product = |m: u32, k: u32, n: u32| u64::from(m).saturating_mul(u64::from(k)).saturating_mul(u64::from(n));
        match self {
            Self::MatmulInt8(op) => product(op.m, op.k, op.n),
            Self::MatmulFp16(op) => product(op.m, op.k, op.n),
            Self::Convolution(op) => op.macs(),
            Self::ActivatedConvolution(op) => op.convolution.macs(),
            Self::Add(op) => op.a.values(),
            Self::AddFp16(op) => op.a.values(),
            Self::Pool(op) => {
                let taps = u64::from(op.window.kernel_width).saturating_mul(u64::from(op.window.kernel_height));
                let (width, height) = op.output_size().unwrap_or((0, 0));
                product(width, height, op.input.channels).saturating_mul(taps)
            }
            Self::Activation(op) => op.input.values(),
            Self::Requantize(op) => op.input.values(),
            Self::Dequantize(op) => op.input.values(),
            Self::Raw(_) => 0,
        }
    }
}

macro_rules! operations {
    ($($name:ident from $kind:ty),* $(,)?) => {
        $(impl From<$kind> for Operation {
            fn from(operation: $kind) -> Self {
                Self::$name(operation)
            }
        })*
    };
}
operations! {
    MatmulInt8 from MatmulInt8, MatmulFp16 from MatmulFp16, Convolution from Convolution, Add from Add,
    AddFp16 from AddFp16, Pool from Pool, Activation from Activation, Requantize from Requantize,
    Dequantize from Dequantize, Raw from RawCommands, ActivatedConvolution from ActivatedConvolution,
}

/// `C[m,n] = A[m,k] · B[n,k]ᵀ`, int8 × int8 → int32, exact.
///
/// All three operands lie in the device's native layout of [`crate::layout`], already padded:
/// `k` is a multiple of 32 and `n` of 16. `layout` packs and unpacks, so nobody above knows the padding.
/// K above [`crate::Capabilities::max_k`] is cut in parts whose results the CPU adds; the report says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatmulInt8 {
    /// Rows of A and C (tokens).
    pub m: u32,
    /// Inner dimension, a multiple of 32.
    pub k: u32,
    /// Output channels, a multiple of 16.
    pub n: u32,
    /// A, (K/8, M', 8) int8 with M' = align4(M).
    pub a: BufferRange,
    /// B, (N/16, K/32, 16, 32) int8.
    pub b: BufferRange,
    /// C, (N/4, M, 4) int32.
    pub c: BufferRange,
}

/// `C[m,n] = A[m,k] · B[n,k]ᵀ`, fp16 × fp16 → fp32, accumulated in fp32 (agreement is a tolerance, sheet §12.19).
///
/// Operands in native layout, padded: `k` is a multiple of 16 (32 preferred, sheet §0.4) and `n` of 8.
/// K above [`crate::Capabilities::max_k`] is cut as for int8; the CPU adds the parts as IEEE fp32, ties to even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatmulFp16 {
    /// Rows of A and C.
    pub m: u32,
    /// Inner dimension, a multiple of 16.
    pub k: u32,
    /// Output channels, a multiple of 8.
    pub n: u32,
    /// A, (K/4, M', 4) fp16 with M' = align4(M).
    pub a: BufferRange,
    /// B, (N/8, K/16, 8, 16) fp16.
    pub b: BufferRange,
    /// C, (N/4, M, 4) fp32.
    pub c: BufferRange,
}

/// Formats of feature maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Signed 8 bits, eight channels a surface.
    Int8,
    /// IEEE half, four channels a surface.
    Fp16,
}

impl Precision {
    /// Bytes of an element.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Int8 => 1,
            Self::Fp16 => 2,
        }
    }

    /// Channels of a surface, which has 8 bytes per pixel (sheet §4.1).
    pub const fn surface_channels(self) -> u32 {
        8 / self.bytes()
    }

    /// Kernels of one pass of the array (sheet §1.2).
    pub const fn kernel_group(self) -> u32 {
        16 / self.bytes()
    }

    /// Channels of one weight slice (sheet §4.3).
    pub const fn channel_slice(self) -> u32 {
        32 / self.bytes()
    }
}

/// A feature map: `(⌈C/s⌉, align4(H·W), s)` with s channels a surface, see [`crate::layout::features`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureMap {
    /// Where it lies.
    pub at: BufferRange,
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Channels.
    pub channels: u32,
}

impl FeatureMap {
    /// Width · height · channels.
    pub fn values(&self) -> u64 {
        u64::from(self.width)
            .saturating_mul(u64::from(self.height))
            .saturating_mul(u64::from(self.channels))
    }
}

/// A sliding window. Output size = (input + padding − extent) / stride + 1 with extent = (kernel − 1) · dilation + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Columns of the kernel.
    pub kernel_width: u32,
    /// Rows of the kernel.
    pub kernel_height: u32,
    /// Columns from one output to the next.
    pub stride_x: u32,
    /// Rows from one output to the next.
    pub stride_y: u32,
    /// Columns from one tap to the next, 1 = dense.
    pub dilation_x: u32,
    /// Rows from one tap to the next, 1 = dense.
    pub dilation_y: u32,
    /// Columns of padding before the first.
    pub pad_left: u32,
    /// Columns of padding after the last.
    pub pad_right: u32,
    /// Rows of padding above the first.
    pub pad_top: u32,
    /// Rows of padding below the last.
    pub pad_bottom: u32,
}

impl Window {
    /// A kernel moved by one, without padding.
    pub const fn of(kernel_width: u32, kernel_height: u32) -> Self {
        Self {
            kernel_width,
            kernel_height,
            stride_x: 1,
            stride_y: 1,
            dilation_x: 1,
            dilation_y: 1,
            pad_left: 0,
            pad_right: 0,
            pad_top: 0,
            pad_bottom: 0,
        }
    }

    /// The same window with a stride in both directions.
    pub const fn stride(self, stride: u32) -> Self {
        Self {
            stride_x: stride,
            stride_y: stride,
            ..self
        }
    }

    /// The same window with padding on all four sides.
    pub const fn padding(self, pad: u32) -> Self {
        Self {
            pad_left: pad,
            pad_right: pad,
            pad_top: pad,
            pad_bottom: pad,
            ..self
        }
    }

    /// Columns and rows that one output looks at; `None` when a size is 0 or too large to add up.
    pub fn extent(&self) -> Option<(u32, u32)> {
        let extent = |kernel: u32, dilation: u32| kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1);
        Some((
            extent(self.kernel_width, self.dilation_x)?,
            extent(self.kernel_height, self.dilation_y)?,
        ))
    }

    /// Output width and height for an input; `None` when the window does not fit or a size is 0.
    pub fn output_size(&self, width: u32, height: u32) -> Option<(u32, u32)> {
        let (extent_x, extent_y) = self.extent()?;
        let outputs = |input: u32, before: u32, after: u32, extent: u32, stride: u32| {
            let padded = input.checked_add(before)?.checked_add(after)?;
            padded.checked_sub(extent)?.checked_div(stride)?.checked_add(1)
        };
        Some((
            outputs(width, self.pad_left, self.pad_right, extent_x, self.stride_x)?,
            outputs(height, self.pad_top, self.pad_bottom, extent_y, self.stride_y)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_its_outputs_with_padding_stride_and_dilation() {
        let window = Window::of(3, 3).stride(2);
        let right_and_below = Window {
            pad_right: 1,
            pad_bottom: 1,
            ..window
        };
        assert_eq!(right_and_below.output_size(96, 96), Some((48, 48))); // appendix B.1
        let dilated = Window {
            dilation_x: 4,
            dilation_y: 2,
            ..Window::of(3, 5)
        };
        assert_eq!(dilated.extent(), Some((9, 9)));
        assert_eq!(dilated.output_size(9, 10), Some((1, 2)));
        assert_eq!(dilated.output_size(8, 10), None);
    }

    #[test]
    fn sizes_that_are_zero_or_overflow_have_no_output() {
        assert_eq!(Window::of(0, 1).output_size(4, 4), None);
        assert_eq!(Window::of(1, 1).stride(0).output_size(4, 4), None);
        assert_eq!(Window::of(1, 1).padding(u32::MAX).output_size(4, 4), None);
    }
}
