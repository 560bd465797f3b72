//! The feature band of a task: its size, where it lies and how pixels are stored there (§2.4, §4.1).

use npu_regs::{cna, task};

use super::{ATOM_BYTES, Converter, Mode};
use crate::fault::FaultKind;
use crate::file::View;
use crate::rules;

/// A band of features.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Input {
    pub(crate) width: usize,
    /// Rows of the band.
    pub(crate) height: usize,
    /// Declared channels: a multiple of the atom.
    pub(crate) channels: usize,
    /// Channels that exist; the others load as 0 (§12.14).
    pub(crate) real_channels: usize,
    /// Bytes of one channel.
    pub(crate) element_bytes: usize,
    /// Device address of the band's first pixel.
    pub(crate) address: u32,
    pub(crate) source: Source,
}

/// How pixels lie in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// Surfaces of one atom per pixel; strides in pixels.
    Surfaces { line_stride: usize, surface_stride: usize },
    /// Channels of a pixel side by side, as in an image.
    Interleaved {
        line_stride_bytes: usize,
        converter: Option<Converter>,
    },
}

impl Input {
    pub(crate) fn decode(view: &View<'_>, mode: &Mode, dma_base: u32) -> Result<Self, FaultKind> {
        use cna::{DATA_SIZE0, DATA_SIZE1};
        let width = view.held(DATA_SIZE0::DATAIN_WIDTH, |v| v > 0, rules::WIDTH_WRAP)?;
        let height = view.held(DATA_SIZE0::DATAIN_HEIGHT, |v| v > 0, rules::WIDTH_WRAP)?;
        let element_bytes = mode.precision.bytes();
        let atom = (ATOM_BYTES / element_bytes) as u32;
        let (channels, real_channels) = match mode.interleaved {
            Some(count) => {
                let declared = view.held(DATA_SIZE1::DATAIN_CHANNEL, |v| v == atom, rules::FIRST_LAYER)?;
                let real = DATA_SIZE1::DATAIN_CHANNEL_REAL;
                view.held(real, |v| v as usize + 1 == count, rules::FIRST_LAYER)?;
                (declared, count as u32)
            }
            None => {
                let whole = |v: u32| v > 0 && v.is_multiple_of(atom);
                let declared = view.held(DATA_SIZE1::DATAIN_CHANNEL, whole, rules::CHANNELS)?;
                let real = view.held(DATA_SIZE1::DATAIN_CHANNEL_REAL, |v| v < declared, rules::CHANNELS)?;
                (declared, real + 1)
            }
        };
        same_band(view, width, height, channels, atom)?;
        view.whole::<cna::DMA_CON0>(task::DMA_CON0_VALUE, rules::DMA_CON0.text)?;
        let (width, height, real_channels) = (width as usize, height as usize, real_channels as usize);
        byte_count(view, mode, width, height, channels as usize)?;
        let source = if mode.interleaved.is_some() {
            interleaved(view, mode, width, real_channels * element_bytes)?
        } else {
            surfaces(view, width, height)?
        };
        Ok(Self {
            width,
            height,
            channels: channels as usize,
            real_channels,
            element_bytes,
            address: view.raw::<cna::FEATURE_DATA_ADDR>().wrapping_add(dma_base),
            source,
        })
    }

    /// Bytes of a pixel in the buffer, declared channels.
    pub(crate) const fn pixel_bytes(&self) -> usize {
        self.channels * self.element_bytes
    }

    /// Bytes of a pixel that come from memory.
    pub(crate) const fn real_bytes(&self) -> usize {
        self.real_channels * self.element_bytes
    }

    /// Surfaces that are read.
    pub(crate) const fn surfaces(&self) -> usize {
        self.real_bytes().div_ceil(ATOM_BYTES)
    }

    /// Bytes read for one row of the band, in whole 8-byte units.
    pub(crate) const fn row_read_bytes(&self) -> usize {
        match self.source {
            Source::Surfaces { .. } => self.width * self.surfaces() * ATOM_BYTES,
            Source::Interleaved { .. } => (self.width * self.real_bytes()).next_multiple_of(ATOM_BYTES),
        }
    }

    /// Bytes of memory from the band's first to its last byte.
    pub(crate) const fn span(&self) -> usize {
        match self.source {
            Source::Surfaces {
                line_stride,
                surface_stride,
            } => {
                let last = (self.surfaces() - 1) * surface_stride + (self.height - 1) * line_stride + self.width;
                last * ATOM_BYTES
            }
            Source::Interleaved { line_stride_bytes, .. } => {
                (self.height - 1) * line_stride_bytes + self.width * self.real_bytes()
            }
        }
    }
}

/// The loader's size is the sequence controller's, except that a band of one pixel may be loaded as a row of its atoms.
fn same_band(view: &View<'_>, width: u32, height: u32, channels: u32, atom: u32) -> Result<(), FaultKind> {
    use cna::{FC_DATA_SIZE0, FC_DATA_SIZE1};
    let loaded = view.get(FC_DATA_SIZE0::DMA_WIDTH);
    let atoms = (width, height, loaded) == (1, 1, channels / atom) && view.get(FC_DATA_SIZE1::DMA_CHANNEL) == atom;
    if atoms {
        return view
            .held(FC_DATA_SIZE0::DMA_HEIGHT, |v| v == 1, rules::SAME_BAND)
            .map(drop);
    }
    // The loader's width has more bits than the sequence controller's, so a wrapped width shows here.
    let not_wrapped = |v: u32| v == width || v % 2048 != width;
    view.held(FC_DATA_SIZE0::DMA_WIDTH, not_wrapped, rules::WIDTH_WRAP)?;
    view.held(FC_DATA_SIZE0::DMA_WIDTH, |v| v == width, rules::SAME_BAND)?;
    view.held(FC_DATA_SIZE0::DMA_HEIGHT, |v| v == height, rules::SAME_BAND)?;
    view.held(FC_DATA_SIZE1::DMA_CHANNEL, |v| v == channels, rules::SAME_BAND)?;
    Ok(())
}

/// `CONV_CON4` counts a first layer's bytes. S-mesa also writes width · rows · channels there for depthwise tasks, which
/// run all the same (§11).
fn byte_count(view: &View<'_>, mode: &Mode, width: usize, height: usize, channels: usize) -> Result<(), FaultKind> {
    let pixels = width * height;
    let known = |v: u32| match v as usize {
        0 => true,
        count if mode.interleaved.is_some() => count == 9 * pixels || count == channels * pixels,
        count => mode.depthwise && count == channels * pixels,
    };
    view.held(cna::CONV_CON4::FIRST_LAYER_BYTES, known, rules::FIRST_LAYER_BYTES)?;
    Ok(())
}

fn surfaces(view: &View<'_>, width: usize, height: usize) -> Result<Source, FaultKind> {
    view.only(cna::CVT_CON0::CVT_EN, 0, "input converter off (0) outside first layers")?;
    let line_stride = view.held(cna::DMA_CON1::LINE_STRIDE, |v| v as usize >= width, rules::LINE_STRIDE)? as usize;
    let band = line_stride * (height - 1) + width;
    // A map of one pixel has a pitch of one; every other pitch fills whole 32-byte entries (erratum 11).
    let surface = |v: u32| (v.is_multiple_of(4) || (band, v) == (1, 1)) && v as usize >= band;
    let surface_stride = view.held(cna::DMA_CON2::SURF_STRIDE, surface, rules::SURFACE_STRIDE)? as usize;
    Ok(Source::Surfaces {
        line_stride,
        surface_stride,
    })
}

fn interleaved(view: &View<'_>, mode: &Mode, width: usize, pixel_bytes: usize) -> Result<Source, FaultKind> {
    let row_bytes = width * pixel_bytes;
    let stride = |v: u32| v as usize * ATOM_BYTES >= row_bytes;
    let line_stride = view.held(cna::DMA_CON1::LINE_STRIDE, stride, rules::LINE_STRIDE)? as usize;
    Ok(Source::Interleaved {
        line_stride_bytes: line_stride * ATOM_BYTES,
        converter: Converter::decode(view, mode.precision)?,
    })
}
