//! Pooling as a caller states it.

use crate::{BufferRange, FeatureMap, Precision, Window};

/// What a window becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMethod {
    /// The sum of all taps, padding with its value included, divided by the whole kernel (sheet §12.18).
    Average,
    /// The largest.
    Maximum,
    /// The smallest.
    Minimum,
}

/// Pooling of a feature map. Windows cover the padded input exactly: (input + padding − kernel) is a multiple of the
/// stride, else the unit starves (sheet §2.9). Kernel at most 7 x 7, stride at most the kernel (erratum 26), padding at
/// most 7, no dilation. Channels are rounded up to whole surfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Format of input and output. fp16 by the meaning of its fields alone: no decoded program pools it.
    pub precision: Precision,
    /// Input.
    pub input: FeatureMap,
    /// What a window becomes.
    pub method: PoolMethod,
    /// The window.
    pub window: Window,
    /// What padding holds: an int8 (−128 for a maximum), or the bits of an fp16 value (0xFC00, −∞, for a maximum).
    pub pad_value: i32,
    /// Output, the same channels.
    pub output: BufferRange,
}

impl Pool {
    /// Output width and height; `None` when the window does not fit.
    pub fn output_size(&self) -> Option<(u32, u32)> {
        self.window.output_size(self.input.width, self.input.height)
    }
}
