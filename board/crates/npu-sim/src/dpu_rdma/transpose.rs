//! Transposition of one row of at most eight pixels (sheet §2.7, decision 0044): surfaces of four 16-bit channels go in, the
//! channels of one pixel after the other come out. The writer counts a pixel as a surface, so a group has as many surfaces
//! as the row has pixels. Bytes pass unchanged: int8 maps are moved as pairs of channels.

use alloc::vec::Vec;

use npu_device::DmaMem;
use npu_regs::{Register, dpu, dpu_rdma};

use super::transfer::Transfer;
use super::{fault, surface_pitch, unchanged};
use crate::dpu::output_fault;
use crate::fault::FaultKind;
use crate::file::{View, broken};
use crate::rules;

/// Bytes of a pixel in one surface.
const ATOM: usize = 8;
/// 16-bit channels of one surface.
const CHANNELS: usize = 4;
/// Pixels that the three bits of `SIZE_E` can count.
const MOST_PIXELS: usize = 8;

/// A decoded task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transpose {
    pub(crate) input: Transfer,
    pub(crate) output: Transfer,
}

impl Transpose {
    /// Whether the writer's registers ask for a transposition.
    pub(crate) fn wanted(view: &View<'_>) -> bool {
        view.set(dpu::FEATURE_MODE_CFG::TP_EN)
    }

    /// Reads and checks DPU and DPU_RDMA.
    pub(crate) fn decode(view: &View<'_>, dma_base: u32) -> Result<Self, FaultKind> {
        row::<dpu::FEATURE_MODE_CFG>(view, 0x4000_0109)?;
        row::<dpu::DATA_FORMAT>(view, 0x2400_0001)?;
        row::<dpu_rdma::FEATURE_MODE_CFG>(view, 0xC021)?;
        row::<dpu_rdma::SRC_DMA_CFG>(view, 0)?;
        let (pixels, channels) = cube(view)?;
        unchanged::reader(view, rules::TRANSPOSE)?;
        unchanged::stages(view, pixels, rules::TRANSPOSE)?;
        use dpu::BS_OW_CFG as O;
        view.only(O::OW_SRC, 0, "no compensation (0)")?;
        view.only(O::TP_ORG_EN, 0, "0")?;
        view.only(O::RGP_CNTER, 0, "0")?;
        view.zero(&[dpu::DATA_CUBE_NOTCH_ADDR::INFO.offset])?;
        let pixel_bytes = channels * 2;
        view.held_whole::<dpu::DST_SURF_STRIDE>(|v| v as usize == pixel_bytes, rules::TRANSPOSE)?;
        view.held_whole::<dpu::SURFACE_ADD>(|v| v as usize == pixels * pixel_bytes, rules::TRANSPOSE)?;
        let (row_bytes, surfaces) = (pixels * ATOM, channels / CHANNELS);
        let pitch = row_bytes + view.raw::<dpu_rdma::SURF_NOTCH>() as usize;
        if surfaces > 1 && !surface_pitch(pitch, row_bytes, pixels) {
            let (register, notch) = (dpu_rdma::SURF_NOTCH::INFO, view.raw::<dpu_rdma::SURF_NOTCH>());
            return Err(broken(register, "SURF_NOTCH_ADDR", notch, rules::OPERAND_STRIDE));
        }
        let address = view.raw::<dpu_rdma::SRC_BASE_ADDR>().wrapping_add(dma_base);
        Ok(Self {
            input: Transfer {
                surface_pitch: pitch,
                surfaces,
                ..Transfer::line(address, row_bytes)
            },
            output: Transfer::line(
                view.raw::<dpu::DST_BASE_ADDR>().wrapping_add(dma_base),
                pixels * pixel_bytes,
            ),
        })
    }

    /// Reads the row and writes it pixel by pixel.
    pub(crate) fn run(&self, memory: &dyn DmaMem, bytes: &mut Vec<u8>) -> Result<(), FaultKind> {
        self.input
            .read(memory, 0, self.input.surfaces, bytes)
            .map_err(fault("main input"))?;
        let mut pixels = Vec::with_capacity(bytes.len());
        for pixel in 0..self.input.row_bytes / ATOM {
            for surface in bytes.chunks_exact(self.input.row_bytes) {
                pixels.extend_from_slice(&surface[pixel * ATOM..][..ATOM]);
            }
        }
        self.output.write(memory, 0, &pixels).map_err(output_fault)
    }
}

/// A register that every known transposition writes alike.
fn row<R: Register>(view: &View<'_>, value: u32) -> Result<(), FaultKind> {
    view.held_whole::<R>(|found| found == value, rules::TRANSPOSE)
        .map(|_| ())
}

/// Pixels and 16-bit channels, the same in reader and writer.
fn cube(view: &View<'_>) -> Result<(usize, usize), FaultKind> {
    use dpu::{DATA_CUBE_CHANNEL as C, DATA_CUBE_HEIGHT as H, DATA_CUBE_WIDTH as W};
    use dpu_rdma::{DATA_CUBE_CHANNEL as RC, DATA_CUBE_HEIGHT as RH, DATA_CUBE_WIDTH as RW};
    let width = view.held(W::WIDTH, |v| (v as usize) < MOST_PIXELS, rules::TRANSPOSE)?;
    view.held(H::HEIGHT, |v| v == 0, rules::TRANSPOSE)?;
    let whole = |v: u32| (v as usize + 1).is_multiple_of(CHANNELS);
    let channels = view.held(C::CHANNEL, whole, rules::TRANSPOSE)?;
    view.held(C::ORIG_CHANNEL, |v| v == channels, rules::TRANSPOSE)?;
    view.held(RW::WIDTH, |v| v == width, rules::READER_SIZE)?;
    view.held(RH::HEIGHT, |v| v == 0, rules::READER_SIZE)?;
    view.held(RC::CHANNEL, |v| v == channels, rules::READER_SIZE)?;
    Ok((width as usize + 1, channels as usize + 1))
}
