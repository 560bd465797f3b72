//! The DPU of a task: pipeline stages and output writer, checked. Knows the bypassed pipeline with int32 results in
//! 16-byte surfaces (sheet §2.7, §4.4); every active stage is refused by name.

use alloc::vec::Vec;

use npu_device::{DmaFault, DmaMem};
use npu_regs::{Block, Register, dpu};

use crate::cna::Convolution;
use crate::fault::FaultKind;
use crate::file::{View, broken};
use crate::rules;
use crate::tile::{Tile, TileSink, Values};

/// Where results go: surfaces of four int32 channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) address: u32,
    /// Bytes between surfaces.
    pub(crate) surface_bytes: usize,
    /// Pixels of a surface.
    pixels: usize,
}

/// Copies int32 results to their surfaces.
pub(crate) struct OutputWriter<'a> {
    pub(crate) output: Output,
    pub(crate) memory: &'a dyn DmaMem,
    /// Reused between tasks.
    pub(crate) bytes: &'a mut Vec<u8>,
}

impl OutputWriter<'_> {
    fn write(&mut self, at: usize, values: &[i32]) -> Result<(), DmaFault> {
        let base = self.output.address;
        let address = u32::try_from(at)
            .ok()
            .and_then(|at| base.checked_add(at))
            .ok_or(DmaFault {
                address: base,
                write: true,
            })?;
        self.bytes.clear();
        self.bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.memory.write(address, self.bytes)
    }
}

impl TileSink for OutputWriter<'_> {
    fn needs_sums(&self) -> bool {
        false
    }

    fn take(&mut self, tile: &Tile<'_>) -> Result<(), FaultKind> {
        // Results without a stage before them are integers: `decode` checked the precision.
        #[allow(irrefutable_let_patterns)]
        let Values::Int(values) = tile.values else {
            return Ok(());
        };
        let Output {
            surface_bytes, pixels, ..
        } = self.output;
        let first = tile.first_channel / 4 * surface_bytes + tile.first_pixel * 16;
        // Whole surfaces without a gap are one run of memory.
        let together = tile.pixels == pixels && surface_bytes == 16 * pixels;
        let run = if together { values.len() } else { 4 * tile.pixels };
        for (surface, values) in values.chunks_exact(run.max(1)).enumerate() {
            self.write(first + surface * surface_bytes, values)
                .map_err(|fault| FaultKind::Dma {
                    block: Block::Dpu,
                    what: "output",
                    fault,
                })?;
        }
        Ok(())
    }

    fn finish(&mut self, _memory: &dyn DmaMem) -> Result<(), FaultKind> {
        Ok(())
    }
}

impl Output {
    pub(crate) fn decode(view: &View<'_>, task: &Convolution, dma_base: u32) -> Result<Self, FaultKind> {
        stages(view)?;
        use dpu::{DATA_CUBE_CHANNEL, DATA_CUBE_HEIGHT, DATA_CUBE_WIDTH};
        view.held(
            DATA_CUBE_WIDTH::WIDTH,
            |v| v as usize + 1 == task.cube.width,
            rules::OUTPUT_SIZE,
        )?;
        view.held(
            DATA_CUBE_HEIGHT::HEIGHT,
            |v| v as usize + 1 == task.cube.height,
            rules::OUTPUT_SIZE,
        )?;
        view.only(DATA_CUBE_HEIGHT::MINMAX_CTL, 0, "no minimum or maximum search (0)")?;
        view.held(
            DATA_CUBE_CHANNEL::CHANNEL,
            |v| v as usize + 1 == task.cube.channels,
            rules::OUTPUT_CHANNELS,
        )?;
        view.held(
            DATA_CUBE_CHANNEL::ORIG_CHANNEL,
            |v| v as usize + 1 == task.cube.channels,
            rules::OUTPUT_CHANNELS,
        )?;
        let stride = view.raw::<dpu::DST_SURF_STRIDE>();
        if (stride as usize) < 16 * task.cube.pixels() {
            return Err(broken(
                dpu::DST_SURF_STRIDE::INFO,
                "DST_SURF_STRIDE",
                stride,
                rules::OUTPUT_STRIDE,
            ));
        }
        let add = view.raw::<dpu::SURFACE_ADD>();
        if u64::from(add) != 4 * u64::from(stride) {
            return Err(broken(dpu::SURFACE_ADD::INFO, "SURF_ADD", add, rules::SURFACE_ADD));
        }
        let address = view.raw::<dpu::DST_BASE_ADDR>().wrapping_add(dma_base);
        Ok(Self {
            address,
            surface_bytes: stride as usize,
            pixels: task.cube.pixels(),
        })
    }

    /// Bytes from the first to the last written one.
    pub(crate) fn span(&self, task: &Convolution) -> u64 {
        ((task.cube.channels / 4 - 1) * self.surface_bytes + 16 * task.cube.pixels()) as u64
    }
}

fn stages(view: &View<'_>) -> Result<(), FaultKind> {
    use dpu::{BN_CFG, BS_CFG, BS_OW_CFG, DATA_FORMAT, EW_CFG, FEATURE_MODE_CFG, OUT_CVT_SCALE};
    view.only(FEATURE_MODE_CFG::FLYING_MODE, 0, "input from CORE (0)")?;
    view.only(FEATURE_MODE_CFG::OUTPUT_MODE, 4, "output to memory (4)")?;
    view.only(FEATURE_MODE_CFG::CONV_MODE, 0, "dense (0)")?;
    view.only(FEATURE_MODE_CFG::NONALIGN, 0, "aligned cubes (0)")?;
    view.only(FEATURE_MODE_CFG::TP_EN, 0, "no transpose (0)")?;
    view.only(FEATURE_MODE_CFG::COMB_USE, 0, "no combined use (0)")?;
    view.only(FEATURE_MODE_CFG::RGP_TYPE, 0, "no regrouping (0)")?;
    view.only(DATA_FORMAT::OUT_PRECISION, 4, "int32 results (4)")?;
    view.only(DATA_FORMAT::IN_PRECISION, 0, "int8 (0)")?;
    view.only(DATA_FORMAT::PROC_PRECISION, 0, "int8 (0)")?;
    view.only(DATA_FORMAT::MC_SURF_OUT, 0, "0")?;
    view.only(BS_CFG::BS_BYPASS, 1, "BS bypassed (1)")?;
    view.only(BN_CFG::BN_BYPASS, 1, "BN bypassed (1)")?;
    view.only(EW_CFG::EW_BYPASS, 1, "EW bypassed (1)")?;
    view.only(EW_CFG::EW_LUT_BYPASS, 1, "no table (1)")?;
    // Surfaces per kernel group minus one: 16 kernels in surfaces of four (§2.7, starred in §4.4).
    for field in [BS_OW_CFG::SIZE_E_0, BS_OW_CFG::SIZE_E_1, BS_OW_CFG::SIZE_E_2] {
        view.only(field, 3, "four surfaces per kernel group (3)")?;
    }
    view.only(BS_OW_CFG::OW_SRC, 0, "compensation factor from OW_OP (0)")?;
    view.only(BS_OW_CFG::TP_ORG_EN, 0, "0")?;
    view.only(BS_OW_CFG::RGP_CNTER, 0, "0")?;
    view.whole::<OUT_CVT_SCALE>(1, "scale 1 for int32 results")?;
    view.zero(Block::Dpu, &[0x4014, 0x4038, 0x4054, 0x4080, 0x4088, 0x40C4])
}
