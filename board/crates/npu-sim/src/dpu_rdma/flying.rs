//! A DPU-only task: the main read channel in place of the array (sheet §2.7, §2.8, §12.1).

use alloc::vec::Vec;

use npu_device::DmaMem;
use npu_regs::{Register, dpu_rdma};

use super::transfer::Transfer;
use super::{SideReaders, common, fault, held_format};
use crate::dpu::{Dpu, Format, Input};
use crate::fault::FaultKind;
use crate::file::{View, broken};
use crate::rules;
use crate::tile::{Tile, TileSink, Values};

/// A decoded DPU-only task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flying {
    pub(crate) dpu: Dpu,
    pub(crate) main: MainInput,
    pub(crate) side: SideReaders,
}

/// The main input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MainInput {
    pub(crate) transfer: Transfer,
    format: Format,
}

impl Flying {
    /// Reads and checks DPU and DPU_RDMA.
    pub(crate) fn decode(view: &View<'_>, dma_base: u32) -> Result<Self, FaultKind> {
        let (format, transfer) = main(view, dma_base)?;
        let input = Input {
            width: view.get(dpu_rdma::DATA_CUBE_WIDTH::WIDTH) as usize + 1,
            height: transfer.rows,
            channels: transfer.surfaces * format.atom_channels(),
            group: format.atom_channels(),
            format,
            depthwise: false,
            sums: false,
            flying: true,
        };
        common(view, &input)?;
        let dpu = Dpu::decode(view, &input, dma_base)?;
        let main = MainInput { transfer, format };
        Ok(Self {
            dpu,
            main,
            side: SideReaders::decode(view, &dpu, dma_base)?,
        })
    }
}

fn main(view: &View<'_>, dma_base: u32) -> Result<(Format, Transfer), FaultKind> {
    use dpu_rdma::{DATA_CUBE_CHANNEL, DATA_CUBE_HEIGHT, DATA_CUBE_WIDTH, FEATURE_MODE_CFG as F, SRC_DMA_CFG as D};
    let code = view.get(F::IN_PRECISION);
    let format = Format::of(code, F::INFO, F::IN_PRECISION.name)?;
    if format == Format::Int32 {
        return Err(broken(F::INFO, F::IN_PRECISION.name, code, rules::FORMATS));
    }
    let processed = if format == Format::Int8 {
        Format::Int8
    } else {
        Format::Fp16
    };
    held_format(view.get(F::PROC_PRECISION), processed, F::PROC_PRECISION.name)?;
    view.only(D::POOLING_METHOD, 0, "0")?;
    for field in [
        D::KERNEL_STRIDE_HEIGHT,
        D::KERNEL_STRIDE_WIDTH,
        D::KERNEL_HEIGHT,
        D::KERNEL_WIDTH,
    ] {
        view.only(field, 0, "0 without upsampling")?;
    }
    let (width, rows) = (
        view.get(DATA_CUBE_WIDTH::WIDTH) as usize + 1,
        view.get(DATA_CUBE_HEIGHT::HEIGHT) as usize + 1,
    );
    let channels = view.get(DATA_CUBE_CHANNEL::CHANNEL) as usize + 1;
    let atom = format.atom_bytes();
    let row_pitch = (width + view.get(D::LINE_NOTCH_ADDR) as usize) * atom;
    let notch = view.raw::<dpu_rdma::SURF_NOTCH>() as usize;
    let transfer = Transfer {
        address: view.raw::<dpu_rdma::SRC_BASE_ADDR>().wrapping_add(dma_base),
        row_bytes: width * atom,
        row_pitch,
        rows,
        surface_pitch: rows * row_pitch + notch,
        surfaces: channels.div_ceil(format.atom_channels()),
    };
    // One surface has no step to the next; 16-byte pixels need no alignment (§2.7).
    let stepped = transfer.surfaces > 1 && atom == 8;
    if stepped && !super::surface_pitch(transfer.surface_pitch, 0, width * rows) {
        let (register, field) = (dpu_rdma::SURF_NOTCH::INFO, "SURF_NOTCH_ADDR");
        return Err(broken(register, field, notch as u32, rules::OPERAND_STRIDE));
    }
    Ok((format, transfer))
}

impl MainInput {
    /// Reads the cube surface by surface and hands each on as a tile.
    pub(crate) fn run(
        &self,
        memory: &dyn DmaMem,
        bytes: &mut Vec<u8>,
        sink: &mut dyn TileSink,
    ) -> Result<(), FaultKind> {
        let pixels = self.transfer.rows * (self.transfer.row_bytes / self.format.atom_bytes());
        let channels = self.format.atom_channels();
        let mut values = Widened::default();
        for surface in 0..self.transfer.surfaces {
            self.transfer
                .read(memory, surface, 1, bytes)
                .map_err(fault("main input"))?;
            sink.take(&Tile {
                first_channel: surface * channels,
                channels,
                first_pixel: 0,
                pixels,
                values: values.widen(self.format, pixels, bytes),
                feature_sums: &[],
            })?;
        }
        sink.finish(memory)
    }
}

/// Values of one surface in the order of a tile: (channels/4, pixels, 4).
#[derive(Default)]
struct Widened {
    integers: Vec<i32>,
    #[cfg(feature = "float")]
    halves: Vec<u16>,
    #[cfg(feature = "float")]
    floats: Vec<f32>,
}

impl Widened {
    fn widen(&mut self, format: Format, pixels: usize, bytes: &[u8]) -> Values<'_> {
        match format {
            #[cfg(feature = "float")]
            Format::Fp16 => {
                self.halves.clear();
                let halves = bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
                self.halves.extend(halves);
                self.floats.resize(self.halves.len(), 0.0);
                npu_kernels::convert::f16_to_f32(&self.halves, &mut self.floats);
                Values::Float(&self.floats)
            }
            #[cfg(feature = "float")]
            Format::Fp32 => {
                self.floats.clear();
                let words = bytes.chunks_exact(4);
                let floats = words.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
                self.floats.extend(floats);
                Values::Float(&self.floats)
            }
            // Without feature `float` the decoder has refused everything else.
            _ => {
                self.integers.clear();
                self.integers.resize(pixels * 8, 0);
                let (low, high) = self.integers.split_at_mut(pixels * 4);
                let quads = low.chunks_exact_mut(4).zip(high.chunks_exact_mut(4));
                for ((low, high), atom) in quads.zip(bytes.chunks_exact(8)) {
                    low.iter_mut()
                        .zip(&atom[..4])
                        .for_each(|(x, &byte)| *x = i32::from(byte as i8));
                    high.iter_mut()
                        .zip(&atom[4..])
                        .for_each(|(x, &byte)| *x = i32::from(byte as i8));
                }
                Values::Int(&self.integers)
            }
        }
    }
}
