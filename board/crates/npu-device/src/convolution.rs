//! Convolutions as a caller states them: shapes, layouts and what happens to the sums. Knows no banks and no bands.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::{ActivationTable, BufferId, BufferRange, FeatureMap, Precision, Rescale, Window};

/// Which kind of convolution, and therefore which weight layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvolutionKind {
    /// Every kernel sees every channel. Weights: [`crate::layout::weights::pack_dense`].
    Dense,
    /// One kernel for each channel; output channels equal input channels. Input and output have room for a multiple of
    /// 32 channels (16 for fp16). Weights: [`crate::layout::weights::pack_depthwise`].
    Depthwise,
    /// One to four interleaved channels, `(H, W, C)`, rows padded to 8 bytes: [`crate::layout::features::pack_image`].
    /// Weights have 8 bytes a tap: [`crate::layout::weights::pack_first_layer`].
    FirstLayer {
        /// int8 only: the pixels are unsigned and the loader subtracts 128.
        unsigned: bool,
    },
}

/// Per-channel parameters beside the sums (sheet §2.6), built by [`crate::layout::parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelParameters {
    /// Bias (int32), weight-zero-point factor (int16) and multiplier (2^14 = 1) of every channel, 8 bytes each.
    Full(BufferRange),
    /// Bias of every channel, 4 bytes each; the factor is common, there is no multiplier.
    Bias {
        /// Where the stream lies.
        at: BufferRange,
        /// Common weight-zero-point factor, `128 − w_zp` of the uint8 view; 0 for signed weights.
        zero_point_factor: i16,
    },
}

impl ChannelParameters {
    /// Where the stream lies.
    pub const fn at(&self) -> BufferRange {
        match *self {
            Self::Full(at) | Self::Bias { at, .. } => at,
        }
    }
}

/// The rectifier between parameters and output conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rectifier {
    /// Every value passes.
    None,
    /// Negative values become 0.
    Relu,
    /// As `Relu`, and values above the bound become the bound, in units of the scaled sums (for ReLU6:
    /// 6 / (s_x · s_w)).
    ReluUpTo(u32),
}

/// The last step of every int8 result: `sat8(round((value · scale) >> shift) + offset)`, ties to even unless stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputConversion {
    /// Mantissa; derived ones have bit 14 set and fit 15 bits.
    pub scale: u16,
    /// Right shift, at most 63.
    pub shift: u8,
    /// Output zero point minus 128 in the uint8 view.
    pub offset: i32,
    /// Halves are rounded up instead of to even.
    pub ties_up: bool,
}

impl OutputConversion {
    /// Values pass as they are, saturated to int8.
    pub const IDENTITY: Self = Self {
        scale: 1,
        shift: 0,
        offset: 0,
        ties_up: false,
    };
}

/// A map that is added to the scaled sums before they are converted: a residual connection, fused. Of the output's shape and
/// layout. Dense convolutions only: depthwise ones read it in the wrong order (erratum 28).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residual {
    /// Where it lies.
    pub at: BufferRange,
    /// How it is brought to the scale of the sums; its multiplier is not negative (ties to even).
    pub rescale: Rescale,
    /// Negative sums become 0, after the addition.
    pub relu: bool,
}

/// What becomes of the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvolutionResult {
    /// The sums themselves: int32 of int8, fp32 of fp16, in surfaces of four channels `(C/4, H·W, 4)`.
    Wide,
    /// fp16 from fp16, `(C/4, align4(H·W), 4)`.
    Fp16 {
        /// fp16 map that is added, of the output's shape and layout; dense convolutions only.
        residual: Option<BufferRange>,
        /// Negative values become 0, after the addition.
        relu: bool,
    },
    /// int8 from int8, `(C/8, align4(H·W), 8)`.
    Int8 {
        /// Bias and per-channel scale; without them the sums go straight to the rectifier.
        parameters: Option<ChannelParameters>,
        /// The rectifier.
        rectifier: Rectifier,
        /// What is added between rectifier and conversion.
        residual: Option<Residual>,
        /// The conversion.
        output: OutputConversion,
    },
    /// fp16 from int8, `(C/4, align4(H·W), 4)`: `round_f16(convert(…) · 2^-exponent)`, the conversion saturating to int32.
    Fp16OfInt8 {
        /// Bias and per-channel scale.
        parameters: Option<ChannelParameters>,
        /// The rectifier.
        rectifier: Rectifier,
        /// The conversion.
        output: OutputConversion,
        /// Power of two that the result is divided by.
        exponent: u8,
    },
}

impl ConvolutionResult {
    /// Where the parameter stream lies, if there is one.
    pub fn parameters(&self) -> Option<BufferRange> {
        match self {
            Self::Int8 { parameters, .. } | Self::Fp16OfInt8 { parameters, .. } => {
                parameters.as_ref().map(ChannelParameters::at)
            }
            Self::Wide | Self::Fp16 { .. } => None,
        }
    }

    /// Where the map that is added lies, if there is one.
    pub fn residual(&self) -> Option<BufferRange> {
        match self {
            Self::Int8 { residual, .. } => residual.map(|residual| residual.at),
            Self::Fp16 { residual, .. } => *residual,
            Self::Wide | Self::Fp16OfInt8 { .. } => None,
        }
    }
}

/// A convolution. The output has room for its channels rounded up to a whole kernel group: 16 for int8, 8 for fp16,
/// 32 and 16 for depthwise (sheet §12.8); what lies in the channels that do not exist is unspecified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Format of input and weights.
    pub precision: Precision,
    /// Kind.
    pub kind: ConvolutionKind,
    /// Input; for a first layer an interleaved image instead of surfaces.
    pub input: FeatureMap,
    /// Output channels (kernels). Equal to the input's for depthwise.
    pub output_channels: u32,
    /// Weights in the layout of the kind.
    pub weights: BufferRange,
    /// Window: kernel at most 31 x 31, stride at most 7, padding at most 15, dilation at most 31 (sheet §4.5).
    pub window: Window,
    /// What padding holds: input zero point minus 128 in the uint8 view (0 for signed), or the bits of an fp16 value.
    pub pad_value: i16,
    /// What becomes of the sums.
    pub result: ConvolutionResult,
    /// Output.
    pub output: BufferRange,
}

/// A convolution whose scaled sums go through two tables before they are converted, in its own tasks:
/// `out = convert(table(rescale(scaled sums)))`. The tables take the rectifier's stage and the residual's (erratum 28), so the result is
/// [`ConvolutionResult::Int8`] with neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivatedConvolution {
    /// The convolution.
    pub convolution: Convolution,
    /// From the scaled sums to the table's input.
    pub rescale: Rescale,
    /// The function.
    pub table: Arc<ActivationTable>,
}

impl Convolution {
    /// Output width and height; `None` when the window does not fit.
    pub fn output_size(&self) -> Option<(u32, u32)> {
        self.window.output_size(self.input.width, self.input.height)
    }

    /// Buffers that it reads and writes.
    pub fn buffers(&self) -> Vec<BufferId> {
        let mut ids: Vec<_> = [self.input.at, self.weights, self.output]
            .map(|range| range.buffer)
            .into();
        ids.extend(self.result.parameters().map(|range| range.buffer));
        ids.extend(self.result.residual().map(|range| range.buffer));
        ids
    }

    /// Multiply-accumulates of the real channels; 0 when the window does not fit.
    pub fn macs(&self) -> u64 {
        let Some((width, height)) = self.output_size() else {
            return 0;
        };
        let channels = match self.kind {
            ConvolutionKind::Depthwise => 1,
            ConvolutionKind::Dense | ConvolutionKind::FirstLayer { .. } => self.input.channels,
        };
        let factors = [
            width,
            height,
            self.window.kernel_width,
            self.window.kernel_height,
            channels,
            self.output_channels,
        ];
        factors
            .iter()
            .fold(1u64, |product, &factor| product.saturating_mul(u64::from(factor)))
    }
}
