//! What the MAC array hands to the DPU: finished accumulators of some channels over a run of output pixels, and the trait
//! of whoever takes them. Knows the order of the values; refuses to know what becomes of them.

use npu_device::DmaMem;

use crate::fault::FaultKind;

/// Arithmetic of the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// int8 operands, int32 accumulators.
    Int8,
    /// fp16 operands, f32 accumulators; needs feature `float`.
    Fp16,
}

/// All accumulators of a task, which the DPU's registers must agree with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cube {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Channels as CORE announces them: the kernels (depthwise: channels) rounded up (§12.8).
    pub(crate) channels: usize,
    /// Channels that have a kernel.
    pub(crate) real_channels: usize,
    pub(crate) precision: Precision,
    pub(crate) depthwise: bool,
    /// QD_EN of CMAC: feature sums exist (§2.5).
    pub(crate) sums: bool,
}

impl Cube {
    /// Output pixels of the task.
    pub(crate) const fn pixels(&self) -> usize {
        self.width * self.height
    }
}

/// Accumulators of `channels` channels from `first_channel` over `pixels` output pixels from `first_pixel`.
///
/// Channels are the aligned ones of CORE (§12.8), both a multiple of 4; channels without a kernel hold 0. Pixels are
/// counted along the rows of the task's output band. A task's tiles cover every channel of every pixel exactly once.
pub(crate) struct Tile<'a> {
    pub(crate) first_channel: usize,
    pub(crate) channels: usize,
    pub(crate) first_pixel: usize,
    pub(crate) pixels: usize,
    /// `channels * pixels` values, ordered `(channels/4, pixels, 4)` like the surfaces of 32-bit results (§2.7): channel
    /// `first_channel + c` of pixel `first_pixel + p` lies at `(c / 4 * pixels + p) * 4 + c % 4`.
    pub(crate) values: Values<'a>,
    /// Sum of the features under the window, pad pixels included, real channels only (§12.14); empty unless asked for.
    /// Dense: one per pixel. Depthwise: one per value, in the order of `values`.
    pub(crate) feature_sums: &'a [i32],
}

/// Accumulators as CORE keeps them.
#[derive(Clone, Copy)]
pub(crate) enum Values<'a> {
    /// int8 products.
    Int(&'a [i32]),
    /// fp16 products.
    #[cfg(feature = "float")]
    Float(&'a [f32]),
}

/// What follows the accumulator.
pub(crate) trait TileSink {
    /// Whether tiles must carry feature sums.
    fn needs_sums(&self) -> bool;
    /// Takes one tile. Tiles come in no promised order.
    fn take(&mut self, tile: &Tile<'_>) -> Result<(), FaultKind>;
    /// All tiles were taken; writes what is still held back.
    fn finish(&mut self, memory: &dyn DmaMem) -> Result<(), FaultKind>;
}
