//! DPU_RDMA: the main input of DPU-only tasks, the parameter stream, and the element-wise operand (sheet §2.8). Decodes its
//! registers against those of the DPU and reads what they describe; refuses to know what the stages do with it.

mod flying;
mod operand;
mod stream;
mod transfer;
mod transpose;
mod unchanged;
mod upsample;

use alloc::vec::Vec;

use npu_device::{DmaFault, DmaMem};
use npu_regs::{Block, Register, dpu_rdma};

pub(crate) use flying::Flying;
use operand::operand;
use stream::Stream;
pub(crate) use transfer::Transfer;
pub(crate) use transpose::Transpose;
pub(crate) use upsample::Upsample;

use crate::dpu::{Dpu, Feeds, Format, Input};
use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::rules;
use crate::span::Span;

/// The readers that run beside the main input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SideReaders {
    first: Option<Stream>,
    second: Option<Stream>,
    operand: Option<Transfer>,
}

impl SideReaders {
    /// The readers of a task that starts without DPU_RDMA: none, so that no stage may wait for one.
    pub(crate) fn absent(dpu: &Dpu) -> Result<Self, FaultKind> {
        let missing = |rule| FaultKind::Program {
            block: Block::DpuRdma,
            rule,
        };
        if dpu.streams().contains(&true) || dpu.second_streams().contains(&true) {
            return Err(missing(rules::STREAM_MISSING));
        }
        if dpu.operands().is_some() {
            return Err(missing(rules::OPERAND_MISSING));
        }
        Ok(Self {
            first: None,
            second: None,
            operand: None,
        })
    }

    /// The readers beside a convolution. The main one stays off (§12.1).
    pub(crate) fn beside_convolution(view: &View<'_>, dpu: &Dpu, dma_base: u32) -> Result<Self, FaultKind> {
        use dpu_rdma::FEATURE_MODE_CFG as F;
        common(view, &dpu.input)?;
        // Readers beside it count pixels as the array does; of other rows nobody knows what they would read.
        let width = |v: u32| v as usize + 1 == dpu.input.width;
        view.held(npu_regs::dpu::DATA_CUBE_WIDTH::WIDTH, width, rules::READER_SIZE)?;
        // Vendor's int8 tasks leave both at 0, whatever the convolution's precision is unless it says so itself.
        for field in [F::IN_PRECISION, F::PROC_PRECISION] {
            let code = view.get(field);
            if code != 0 {
                held_format(code, dpu.input.format, field.name)?;
            }
        }
        view.zero(&[dpu_rdma::SRC_DMA_CFG::INFO.offset])?;
        Self::decode(view, dpu, dma_base)
    }

    fn decode(view: &View<'_>, dpu: &Dpu, dma_base: u32) -> Result<Self, FaultKind> {
        Ok(Self {
            first: Stream::first(view, dpu, dma_base)?,
            second: Stream::second(view, dpu, dma_base)?,
            operand: operand(view, dpu, dma_base)?,
        })
    }

    /// Where the streams lie.
    pub(crate) fn streams(&self) -> impl Iterator<Item = Span> + use<> {
        [self.first, self.second]
            .into_iter()
            .flatten()
            .map(|stream| stream.span())
    }

    /// The operand, where one is read.
    pub(crate) fn operand(&self) -> Option<&Transfer> {
        self.operand.as_ref()
    }

    /// Reads everything; returns the bytes moved.
    pub(crate) fn read(&self, memory: &dyn DmaMem, bytes: &mut Vec<u8>, feeds: &mut Feeds) -> Result<u64, FaultKind> {
        let mut moved = 0;
        let streams = [
            (&self.first, &mut feeds.first, "parameter stream"),
            (&self.second, &mut feeds.second, "second parameter stream"),
        ];
        for (stream, parameters, what) in streams {
            if let Some(stream) = stream {
                stream.read(memory, bytes, parameters).map_err(fault(what))?;
                moved += stream.bytes() as u64;
            }
        }
        if let Some(operand) = &self.operand {
            operand
                .read(memory, 0, operand.surfaces, &mut feeds.operand)
                .map_err(fault("operand"))?;
            moved += operand.bytes() as u64;
        }
        Ok(moved)
    }
}

/// A failed read of DPU_RDMA.
fn fault(what: &'static str) -> impl Fn(DmaFault) -> FaultKind {
    move |fault| FaultKind::Dma {
        block: Block::DpuRdma,
        what,
        fault,
    }
}

/// What every task with DPU_RDMA says alike: sizes, mode, burst, and fields of no observed use.
fn common(view: &View<'_>, input: &Input) -> Result<(), FaultKind> {
    use dpu_rdma::{DATA_CUBE_CHANNEL as C, DATA_CUBE_HEIGHT as H, DATA_CUBE_WIDTH as W, FEATURE_MODE_CFG as F};
    view.held(W::WIDTH, |v| v as usize + 1 == input.width, rules::READER_SIZE)?;
    view.held(H::HEIGHT, |v| v as usize + 1 == input.height, rules::READER_SIZE)?;
    view.held(
        C::CHANNEL,
        |v| (v as usize + 1).next_multiple_of(input.group) == input.channels,
        rules::READER_SIZE,
    )?;
    burst(view)?;
    let mode = if input.depthwise { 3 } else { 0 };
    view.held(F::CONV_MODE, |v| v == mode, rules::CONV_MODE)?;
    let flying = if input.flying { rules::FLYING } else { rules::NOT_FLYING };
    view.held(F::FLYING_MODE, |v| (v == 1) == input.flying, flying)?;
    view.only(F::COMB_USE, 0, "no combined use (0)")?;
    // fp16 is widened on its way into the stages whatever this bit says.
    if !(input.flying && input.format == Format::Fp16) {
        view.only(F::MRDMA_FP16TOFP32_EN, 0, "0 without an fp16 main input")?;
    }
    if input.flying {
        view.zero(&[dpu_rdma::EW_SURF_NOTCH::INFO.offset])?;
    }
    view.zero(&[dpu_rdma::PAD_CFG::INFO.offset])
}

fn burst(view: &View<'_>) -> Result<(), FaultKind> {
    use dpu_rdma::FEATURE_MODE_CFG as F;
    match view.get(F::BURST_LEN) {
        8 | 15 => Ok(()),
        7 => Err(broken(F::INFO, F::BURST_LEN.name, 7, rules::RDMA_BURST)),
        other => Err(not_modelled(F::INFO, F::BURST_LEN.name, other, "bursts of 8 or 15")),
    }
}

fn held_format(code: u32, wanted: Format, field: &'static str) -> Result<(), FaultKind> {
    let register = dpu_rdma::FEATURE_MODE_CFG::INFO;
    if Format::of(code, register, field)? == wanted {
        Ok(())
    } else {
        Err(broken(register, field, code, rules::FORMATS))
    }
}

/// Whether surfaces of 8-byte pixels may be `pitch` bytes apart (erratum 11).
pub(crate) const fn surface_pitch(pitch: usize, bytes: usize, pixels: usize) -> bool {
    pitch >= bytes && (pitch.is_multiple_of(32) || (pixels == 1 && pitch == 8))
}
