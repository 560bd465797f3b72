//! What the CNA, CMAC and CORE registers of a convolution say, checked. Knows registers and their rules; refuses to know
//! bytes in memory and what follows the accumulator.

mod buffer;
mod converter;
mod input;
mod mode;
mod weights;
mod window;

use npu_regs::cmac;

pub(crate) use buffer::Buffer;
pub(crate) use converter::Converter;
pub(crate) use input::{Input, Source};
pub(crate) use mode::Mode;
pub(crate) use weights::Weights;
pub(crate) use window::Window;

use crate::fault::FaultKind;
use crate::file::View;
use crate::tile::{Cube, Precision};
use crate::{array, rules};

/// Bytes of an atom: one pixel of one feature surface.
pub(crate) const ATOM_BYTES: usize = 8;
/// Bytes of a channel slice: 32 int8 or 16 fp16 channels (§4.3).
pub(crate) const SLICE_BYTES: usize = 32;

impl Precision {
    /// Bytes of a feature or weight.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Int8 => 1,
            Self::Fp16 => 2,
        }
    }

    /// Kernels of a group (§4.3).
    pub(crate) const fn kernel_group(self) -> usize {
        match self {
            Self::Int8 => 16,
            Self::Fp16 => 8,
        }
    }
}

/// A convolution up to the accumulator.
#[derive(Clone, Debug)]
pub(crate) struct Convolution {
    pub(crate) input: Input,
    pub(crate) window: Window,
    pub(crate) weights: Weights,
    pub(crate) buffer: Buffer,
    /// What comes out.
    pub(crate) cube: Cube,
}

impl Convolution {
    /// Reads and checks all three blocks. `dma_base` is added to every address.
    pub(crate) fn decode(view: &View<'_>, dma_base: u32) -> Result<Self, FaultKind> {
        let mode = Mode::decode(view)?;
        let input = Input::decode(view, &mode, dma_base)?;
        let window = Window::decode(view, &mode)?;
        let weights = Weights::decode(view, &mode, &input, &window, dma_base)?;
        let buffer = Buffer::decode(view, &input)?;
        let (width, height) = window.output(view, &input)?;
        let (group, real_channels) = if mode.depthwise {
            (SLICE_BYTES / mode.precision.bytes(), input.real_channels)
        } else {
            (mode.precision.kernel_group(), weights.kernels)
        };
        let covered = if mode.depthwise {
            input.channels
        } else {
            weights.kernels
        };
        let task = Self {
            input,
            window,
            weights,
            buffer,
            cube: Cube {
                width,
                height,
                channels: covered.next_multiple_of(group),
                real_channels,
                precision: mode.precision,
                depthwise: mode.depthwise,
                sums: view.get(cmac::MISC_CFG::QD_EN) == 1,
            },
        };
        array::check(view, &task)?;
        let products = task.window.taps() * if mode.depthwise { 1 } else { task.input.channels };
        if products > array::MAX_PRODUCTS {
            use npu_regs::{Register, cna::WEIGHT_SIZE1};
            let (field, bytes) = ("WEIGHT_BYTES_PER_KERNEL", task.weights.bytes_per_kernel as u32);
            return Err(crate::file::broken(WEIGHT_SIZE1::INFO, field, bytes, rules::SUM_RANGE));
        }
        Ok(task)
    }
}
