//! How the kernel moves over the band: size, strides, dilation, padding, and the output that follows (§2.4, §4.5).

use npu_regs::{Register, cna, core};

use super::{Input, Mode};
use crate::fault::FaultKind;
use crate::file::{View, broken};
use crate::rules;
use crate::tile::Precision;

/// Largest padding on any side (§4.5).
const MAX_PADDING: usize = 15;

/// The kernel's geometry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) stride_x: usize,
    pub(crate) stride_y: usize,
    /// Pixels from tap to tap; 1 without dilation.
    pub(crate) step_x: usize,
    pub(crate) step_y: usize,
    pub(crate) pad_left: usize,
    pub(crate) pad_top: usize,
    /// Bits of pad pixels in real channels: an int8 or an fp16 value.
    pub(crate) pad_value: u16,
}

impl Window {
    pub(crate) fn decode(view: &View<'_>, mode: &Mode) -> Result<Self, FaultKind> {
        use cna::{CONV_CON3, PAD_CON0, WEIGHT_SIZE2};
        let pad = view.get(PAD_CON0::PAD_VALUE) as u16 as i16;
        let pad_value = match (mode.precision, i8::try_from(pad)) {
            (Precision::Int8, Ok(value)) => value as u8 as u16,
            (Precision::Int8, Err(_)) => {
                let (register, rule) = (PAD_CON0::INFO, rules::PAD_VALUE);
                return Err(broken(register, "PAD_VALUE", u32::from(pad as u16), rule));
            }
            // 16 bits are inserted after the converter as they stand (§12.14): those of an fp16 number.
            (Precision::Fp16, _) => pad as u16,
        };
        let size = |v: u32| v > 0;
        Ok(Self {
            width: view.held(WEIGHT_SIZE2::WEIGHT_WIDTH, size, rules::KERNEL_SIZE)? as usize,
            height: view.held(WEIGHT_SIZE2::WEIGHT_HEIGHT, size, rules::KERNEL_SIZE)? as usize,
            stride_x: view.held(CONV_CON3::CONV_X_STRIDE, size, rules::STRIDE)? as usize,
            stride_y: view.held(CONV_CON3::CONV_Y_STRIDE, size, rules::STRIDE)? as usize,
            // The fields count the pixels between two taps [TRM88].
            step_x: view.get(CONV_CON3::ATROUS_X_DILATION) as usize + 1,
            step_y: view.get(CONV_CON3::ATROUS_Y_DILATION) as usize + 1,
            pad_left: view.get(PAD_CON0::PAD_LEFT) as usize,
            pad_top: view.get(PAD_CON0::PAD_TOP) as usize,
            pad_value,
        })
    }

    /// Taps of the kernel.
    pub(crate) const fn taps(&self) -> usize {
        self.width * self.height
    }

    /// Width and height of the output, on which CNA and CORE must agree. Padding right and below is what the last window
    /// needs beyond the band.
    pub(crate) fn output(&self, view: &View<'_>, input: &Input) -> Result<(usize, usize), FaultKind> {
        use core::DATAOUT_SIZE_0;
        let width = view.held(cna::DATA_SIZE2::DATAOUT_WIDTH, |v| v > 0, rules::WIDTH_WRAP)? as usize;
        let height = view.get(DATAOUT_SIZE_0::DATAOUT_HEIGHT) as usize + 1;
        let same = |v: u32| v as usize + 1 == width;
        view.held(DATAOUT_SIZE_0::DATAOUT_WIDTH, same, rules::OUTPUT_SIZE)?;
        let atomics = |v: u32| v as usize == width * height;
        view.held(cna::DATA_SIZE3::DATAOUT_ATOMICS, atomics, rules::OUTPUT_SIZE)?;
        let beyond = |outputs: usize, stride: usize, taps: usize, step: usize, pad: usize, size: usize| {
            ((outputs - 1) * stride + (taps - 1) * step + 1).saturating_sub(pad + size)
        };
        let right = beyond(
            width,
            self.stride_x,
            self.width,
            self.step_x,
            self.pad_left,
            input.width,
        );
        if right > MAX_PADDING {
            let (register, rule) = (cna::DATA_SIZE2::INFO, rules::IMPLIED_PADDING);
            return Err(broken(register, "DATAOUT_WIDTH", width as u32, rule));
        }
        let below = beyond(
            height,
            self.stride_y,
            self.height,
            self.step_y,
            self.pad_top,
            input.height,
        );
        if below > MAX_PADDING {
            let (register, rule) = (DATAOUT_SIZE_0::INFO, rules::IMPLIED_PADDING);
            return Err(broken(register, "DATAOUT_HEIGHT", height as u32 - 1, rule));
        }
        Ok((width, height))
    }
}
