//! 2x nearest upsampling of one int8 surface (sheet §2.7, §2.8). The reader repeats every pixel twice in a row; the writer
//! puts each row down twice, as the two surfaces of an int16 group that are one output row apart, and leaves a row's gap
//! between rows. Bytes pass unchanged: the stages are bypassed.

use alloc::vec::Vec;

use npu_device::DmaMem;
use npu_regs::{Register, dpu, dpu_rdma};

use super::transfer::Transfer;
use super::{burst, fault, unchanged};
use crate::dpu::output_fault;
use crate::fault::FaultKind;
use crate::file::{View, broken};
use crate::rules;
use crate::span::{Span, offset};

/// Reader pattern of the only known factor.
const TWICE: u32 = 0x1249;
/// `DATA_FORMAT`: int16 in, the rest 0.
const FORMAT: u32 = 0x0400_0000;
/// Bytes of a pixel.
const ATOM: usize = 8;

/// A decoded task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upsample {
    pub(crate) input: Transfer,
    address: u32,
    /// Bytes between the two copies of a row.
    copy_pitch: usize,
    /// Bytes between output rows of different input rows.
    row_pitch: usize,
}

impl Upsample {
    /// Whether the reader's registers ask for upsampling.
    pub(crate) fn wanted(view: &View<'_>) -> bool {
        view.set(dpu_rdma::SRC_DMA_CFG::UNPOOLING_EN)
    }

    /// Reads and checks DPU and DPU_RDMA.
    pub(crate) fn decode(view: &View<'_>, dma_base: u32) -> Result<Self, FaultKind> {
        let (width, rows) = reader(view)?;
        stages(view)?;
        use dpu::{DATA_CUBE_HEIGHT as H, DATA_CUBE_NOTCH_ADDR as G, DATA_CUBE_WIDTH as W, DST_SURF_STRIDE as S};
        view.held(W::WIDTH, |v| v as usize + 1 == 2 * width, rules::UPSAMPLE)?;
        view.held(H::HEIGHT, |v| v as usize + 1 == rows, rules::UPSAMPLE)?;
        let gap = view.held(G::NOTCH_ADDR_0, |v| v as usize >= 2 * width, rules::UPSAMPLE)?;
        view.held(G::NOTCH_ADDR_1, |v| v == gap, rules::UPSAMPLE)?;
        let row_pitch = (2 * width + gap as usize) * ATOM;
        let fits = |v: u32| v as usize >= 2 * width * ATOM && v as usize + 2 * width * ATOM <= row_pitch;
        let copy_pitch = view.held_whole::<S>(fits, rules::UPSAMPLE)? as usize;
        let address = view.raw::<dpu_rdma::SRC_BASE_ADDR>().wrapping_add(dma_base);
        let input = Transfer {
            address,
            row_bytes: width * ATOM,
            row_pitch: width * ATOM,
            rows,
            surface_pitch: width * rows * ATOM,
            surfaces: 1,
        };
        Ok(Self {
            input,
            address: view.raw::<dpu::DST_BASE_ADDR>().wrapping_add(dma_base),
            copy_pitch,
            row_pitch,
        })
    }

    /// The bytes between the first and the last written one.
    pub(crate) fn span(&self) -> Span {
        let row = 2 * self.input.row_bytes;
        Span {
            address: self.address,
            bytes: ((self.input.rows - 1) * self.row_pitch + self.copy_pitch + row) as u64,
        }
    }

    /// Bytes the task writes.
    pub(crate) fn written_bytes(&self) -> u64 {
        4 * self.input.bytes() as u64
    }

    /// Reads the surface and writes it doubled.
    pub(crate) fn run(&self, memory: &dyn DmaMem, bytes: &mut Vec<u8>) -> Result<(), FaultKind> {
        self.input.read(memory, 0, 1, bytes).map_err(fault("main input"))?;
        let mut doubled = Vec::with_capacity(2 * self.input.row_bytes);
        for (index, row) in bytes.chunks_exact(self.input.row_bytes).enumerate() {
            doubled.clear();
            for atom in row.chunks_exact(ATOM) {
                doubled.extend_from_slice(atom);
                doubled.extend_from_slice(atom);
            }
            for copy in 0..2 {
                let at = index * self.row_pitch + copy * self.copy_pitch;
                offset(self.address, at, true)
                    .and_then(|address| memory.write(address, &doubled))
                    .map_err(output_fault)?;
            }
        }
        Ok(())
    }
}

/// Input width and rows.
fn reader(view: &View<'_>) -> Result<(usize, usize), FaultKind> {
    use dpu_rdma::{DATA_CUBE_HEIGHT, DATA_CUBE_WIDTH, FEATURE_MODE_CFG as F};
    view.whole::<dpu_rdma::SRC_DMA_CFG>(TWICE, "2x nearest without a line gap (0x1249)")?;
    view.held(F::FLYING_MODE, |v| v == 1, rules::FLYING)?;
    view.held(F::IN_PRECISION, |v| v == 1, rules::UPSAMPLE)?;
    view.held(F::PROC_PRECISION, |v| v == 0, rules::UPSAMPLE)?;
    view.held(F::CONV_MODE, |v| v == 0, rules::CONV_MODE)?;
    view.only(F::COMB_USE, 0, "no combined use (0)")?;
    burst(view)?;
    unchanged::reader(view, rules::UPSAMPLE)?;
    // One surface: eight int8 channels, however many int16 ones they are counted as.
    view.held(dpu_rdma::DATA_CUBE_CHANNEL::CHANNEL, |v| v < 8, rules::UPSAMPLE)?;
    Ok((
        view.get(DATA_CUBE_WIDTH::WIDTH) as usize + 1,
        view.get(DATA_CUBE_HEIGHT::HEIGHT) as usize + 1,
    ))
}

/// Everything between reader and writer is off.
fn stages(view: &View<'_>) -> Result<(), FaultKind> {
    use dpu::{DATA_FORMAT, FEATURE_MODE_CFG as F};
    view.held(F::FLYING_MODE, |v| v == 1, rules::FLYING)?;
    view.only(F::OUTPUT_MODE, 4, "output to memory (4)")?;
    view.only(F::TP_EN, 0, "no transposition (0) of what is doubled")?;
    view.held(F::CONV_MODE, |v| v == 0, rules::CONV_MODE)?;
    if view.raw::<DATA_FORMAT>() != FORMAT {
        let (register, value) = (DATA_FORMAT::INFO, view.raw::<DATA_FORMAT>());
        return Err(broken(register, "IN_PRECISION", value, rules::UPSAMPLE));
    }
    unchanged::stages(view, 2, rules::UPSAMPLE)
}
