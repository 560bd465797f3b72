//! Where results go: surfaces of 8 bytes a pixel, 16 for 32-bit elements (sheet §2.7). Knows places, no values.

use npu_device::{DmaFault, DmaMem};
use npu_regs::{Block, Register, dpu};

use super::decode::Format;
use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::rules;
use crate::span::{Span, offset};

/// The surfaces of a task's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Surfaces {
    pub(crate) address: u32,
    /// Bytes between surfaces.
    pub(crate) stride: usize,
    /// Bytes of a pixel in one surface.
    pub(crate) atom: usize,
    /// Pixels of a surface that the task writes.
    pub(crate) pixels: usize,
    /// Surfaces, those of unreal channels included (§11).
    pub(crate) count: usize,
}

/// The output cube as the stages before the writer deliver it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Aligned channels.
    pub(crate) channels: usize,
    /// Channels delivered together: kernels of a group of the array, channels of an atom of the main input.
    pub(crate) group: usize,
    /// One column of pixels of the array: the DPU may count them in rows of any width, in the same order (0044).
    pub(crate) column: bool,
}

impl Surfaces {
    /// Reads the writer's registers and checks them against what is delivered.
    pub(crate) fn decode(view: &View<'_>, cube: &Delivered, out: Format, dma_base: u32) -> Result<Self, FaultKind> {
        use dpu::{BS_OW_CFG as O, DATA_CUBE_CHANNEL as C, DATA_CUBE_HEIGHT as H, DATA_CUBE_WIDTH as W};
        let pixels = cube.width * cube.height;
        let width = |v: usize| v == cube.width || cube.column && pixels.is_multiple_of(v);
        let width = view.held(W::WIDTH, |v| width(v as usize + 1), rules::OUTPUT_SIZE)? as usize + 1;
        view.held(H::HEIGHT, |v| v as usize + 1 == pixels / width, rules::OUTPUT_SIZE)?;
        let channels = view.held(
            C::CHANNEL,
            |v| (v as usize + 1).next_multiple_of(cube.group) == cube.channels,
            rules::OUTPUT_CHANNELS,
        )?;
        view.held(C::ORIG_CHANNEL, |v| v <= channels, rules::REAL_CHANNELS)?;
        view.zero(&[dpu::DATA_CUBE_NOTCH_ADDR::INFO.offset])?;
        unwritten_by_the_vendor(view, cube, channels)?;
        let per_group = cube.group / out.atom_channels();
        for field in [O::SIZE_E_0, O::SIZE_E_1, O::SIZE_E_2] {
            view.held(field, |v| v as usize + 1 == per_group, rules::SURFACES_PER_GROUP)?;
        }
        let atom = out.atom_bytes();
        let count = cube.channels / out.atom_channels();
        let stride = stride(view, atom, pixels, count)?;
        let add = view.raw::<dpu::SURFACE_ADD>();
        // With one group there is no step to the next one.
        if count > per_group && u64::from(add) != per_group as u64 * u64::from(stride) {
            return Err(broken(dpu::SURFACE_ADD::INFO, "SURF_ADD", add, rules::SURFACE_ADD));
        }
        Ok(Self {
            address: view.raw::<dpu::DST_BASE_ADDR>().wrapping_add(dma_base),
            stride: stride as usize,
            atom,
            pixels,
            count,
        })
    }

    /// The bytes between the first and the last written one.
    pub(crate) fn span(&self) -> Span {
        Span {
            address: self.address,
            bytes: ((self.count - 1) * self.stride + self.pixels * self.atom) as u64,
        }
    }

    /// Bytes the task writes.
    pub(crate) fn bytes(&self) -> u64 {
        (self.count * self.pixels * self.atom) as u64
    }

    /// Writes `pixels` pixels from `first_pixel` of the surfaces from `first`: `bytes` in the order surface, pixel, byte.
    pub(crate) fn write(
        &self,
        memory: &dyn DmaMem,
        first: usize,
        (first_pixel, pixels): (usize, usize),
        bytes: &[u8],
    ) -> Result<(), FaultKind> {
        let run = if pixels == self.pixels && self.stride == self.pixels * self.atom {
            bytes.len()
        } else {
            pixels * self.atom
        };
        for (index, bytes) in bytes.chunks_exact(run.max(1)).enumerate() {
            let at = (first + index) * self.stride + first_pixel * self.atom;
            offset(self.address, at, true)
                .and_then(|address| memory.write(address, bytes))
                .map_err(output_fault)?;
        }
        Ok(())
    }
}

/// Bytes between surfaces. Of a single surface nobody steps to the next one, and the register may say anything.
fn stride(view: &View<'_>, atom: usize, pixels: usize, surfaces: usize) -> Result<u32, FaultKind> {
    let stride = view.raw::<dpu::DST_SURF_STRIDE>();
    let refuse = |rule| broken(dpu::DST_SURF_STRIDE::INFO, "DST_SURF_STRIDE", stride, rule);
    // 32-bit results have 16 * W * H; 8-byte surfaces are whole quads of pixels, or a single pixel (§2.7, §6.1).
    let aligned = atom == 16 || stride.is_multiple_of(32) || (pixels == 1 && stride == 8);
    match surfaces {
        1 => Ok(stride),
        _ if (stride as usize) < atom * pixels => Err(refuse(rules::OUTPUT_STRIDE)),
        _ if !aligned => Err(refuse(rules::OUTPUT_ALIGNMENT)),
        _ => Ok(stride),
    }
}

/// A failed write of the DPU.
pub(crate) fn output_fault(fault: DmaFault) -> FaultKind {
    FaultKind::Dma {
        block: Block::Dpu,
        what: "output",
        fault,
    }
}

/// The writer's sizes of the RK3588, which S-mesa's tasks repeat (§11): 0, or what the cube says already.
fn unwritten_by_the_vendor(view: &View<'_>, cube: &Delivered, channels: u32) -> Result<(), FaultKind> {
    let size_0 = view.raw::<dpu::WDMA_SIZE_0>();
    if size_0 != 0 && size_0 != channels {
        let modelled = "0, or the channels of DATA_CUBE_CHANNEL";
        return Err(not_modelled(dpu::WDMA_SIZE_0::INFO, "", size_0, modelled));
    }
    let size_1 = view.raw::<dpu::WDMA_SIZE_1>();
    if size_1 != 0 && size_1 as usize != (cube.height - 1) << 16 | (cube.width - 1) {
        let modelled = "0, or the size of the output cube";
        return Err(not_modelled(dpu::WDMA_SIZE_1::INFO, "", size_1, modelled));
    }
    Ok(())
}
