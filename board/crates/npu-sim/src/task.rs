//! One started task: which blocks run it, and what they share. The program controller starts it and keeps no rule of it.

use npu_device::DmaMem;
use npu_regs::task::Mix;
use npu_regs::{Block, Register, global};

use crate::cbuf::Cbuf;
use crate::conv::{self, Scratch};
use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::irq::Completion;
use crate::rules;
use crate::timing::TaskShape;

/// What every block of a started task sees.
pub(crate) struct Operands<'a> {
    pub(crate) view: View<'a>,
    /// `TASK_DMA_BASE_ADDR`.
    pub(crate) dma_base: u32,
    pub(crate) memory: &'a dyn DmaMem,
    /// Bytes of the stream the task was fetched with.
    pub(crate) command_bytes: u64,
}

/// State of the blocks between tasks, and buffers that make running one allocate nothing in the steady state.
#[derive(Default)]
pub(crate) struct Machine {
    cbuf: Cbuf,
    scratch: Scratch,
}

impl Machine {
    /// A new start: the CPU may have written what the blocks still hold.
    pub(crate) fn forget(&mut self) {
        self.cbuf.forget();
    }

    /// Runs a task whole. Says what it moved and what it would latch as the last one of its start.
    pub(crate) fn run(&mut self, mask: u32, operands: &Operands<'_>) -> Result<(TaskShape, Completion), FaultKind> {
        let mix = mix(mask)?;
        let view = &operands.view;
        let shape = match mix {
            Mix::Convolution => conv::run(
                view,
                operands.dma_base,
                operands.memory,
                &mut self.cbuf,
                &mut self.scratch,
                operands.command_bytes,
            )?,
            Mix::ConvolutionRdma | Mix::Dpu | Mix::Pooling => {
                let register = global::OPERATION_ENABLE::INFO;
                return Err(not_modelled(
                    register,
                    "mask",
                    mask,
                    "convolution without DPU_RDMA (0x0F)",
                ));
            }
        };
        let group = view.executer(Block::Dpu) as u32;
        Ok((shape, Completion::of(mix, group)))
    }
}

/// The blocks a start mask asks for, or why no known task has it.
pub(crate) fn mix(mask: u32) -> Result<Mix, FaultKind> {
    Mix::of_mask(mask).ok_or_else(|| broken(global::OPERATION_ENABLE::INFO, "mask", mask, rules::ENABLE_MASK))
}

/// What the stages of a task make of its registers, without memory and without looking at addresses.
pub(crate) fn check(view: &View<'_>, mask: u32) -> Result<(), FaultKind> {
    match mix(mask)? {
        Mix::Convolution => conv::decode(view, 0).map(drop),
        Mix::ConvolutionRdma | Mix::Dpu | Mix::Pooling => Err(unsupported(mask)),
    }
}

fn unsupported(mask: u32) -> FaultKind {
    let register = global::OPERATION_ENABLE::INFO;
    not_modelled(register, "mask", mask, "convolution without DPU_RDMA (0x0F)")
}
