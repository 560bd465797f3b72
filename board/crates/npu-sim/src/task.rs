//! One started task: which blocks run it, and what they share. The program controller starts it and keeps no rule of it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use npu_device::{DmaMem, Traffic};
use npu_regs::task::Mix;
use npu_regs::{Block, Register, dpu, global};

use crate::array;
use crate::cbuf::Cbuf;
use crate::cna::Convolution;
use crate::conv;
use crate::dpu::{Dpu, Feeds, Input, Sink};
use crate::dpu_rdma::{Flying, SideReaders, Transpose, Upsample};
use crate::fault::FaultKind;
use crate::file::{View, broken};
use crate::irq::Completion;
use crate::ppu::{self, Pooling};
use crate::rules;
use crate::span::Span;
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

/// State of the blocks between tasks, and buffers that make running one allocate nothing large in the steady state.
#[derive(Default)]
pub(crate) struct Machine {
    cbuf: Cbuf,
    array: array::Scratch,
    dpu: crate::dpu::Scratch,
    feeds: Feeds,
    bytes: Vec<u8>,
    pooling: ppu::Scratch,
}

/// A task whose registers are decoded and agree with each other.
enum Decoded {
    Convolution(Box<Convolution>, Box<Dpu>, SideReaders),
    Flying(Box<Flying>),
    Upsample(Upsample),
    Transpose(Transpose),
    Pooling(Pooling),
}

impl Decoded {
    /// Touches no memory and judges no address.
    fn of(view: &View<'_>, mask: u32, dma_base: u32) -> Result<Self, FaultKind> {
        match mix(mask)? {
            mix @ (Mix::Convolution | Mix::ConvolutionRdma) => {
                let task = Convolution::decode(view, dma_base)?;
                let dpu = Dpu::decode(view, &Input::of(&task.cube), dma_base)?;
                let side = if mix == Mix::Convolution {
                    SideReaders::absent(&dpu)?
                } else {
                    SideReaders::beside_convolution(view, &dpu, dma_base)?
                };
                Ok(Self::Convolution(Box::new(task), Box::new(dpu), side))
            }
            Mix::Dpu if Upsample::wanted(view) => Upsample::decode(view, dma_base).map(Self::Upsample),
            Mix::Dpu if Transpose::wanted(view) => Transpose::decode(view, dma_base).map(Self::Transpose),
            Mix::Dpu => Flying::decode(view, dma_base).map(|flying| Self::Flying(Box::new(flying))),
            Mix::Pooling => Pooling::decode(view, dma_base).map(Self::Pooling),
        }
    }

    /// The written range, and the ranges that are read meanwhile. In a range of its own pitch a value may be replaced
    /// where it stands; that range is left out.
    fn spans(&self) -> (Span, Vec<Span>) {
        match self {
            Self::Convolution(task, dpu, side) => {
                let range = |address, bytes: usize| Span {
                    address,
                    bytes: bytes as u64,
                };
                let mut reads = Vec::from([
                    range(task.input.address, task.input.span()),
                    range(task.weights.address, task.weights.bytes()),
                ]);
                reads.extend(beside(dpu, side));
                (dpu.surfaces.span(), reads)
            }
            Self::Flying(flying) => {
                let dpu = &flying.dpu;
                let mut reads: Vec<Span> = beside(dpu, &flying.side).collect();
                reads.extend(elsewhere(dpu, &flying.main.transfer));
                (dpu.surfaces.span(), reads)
            }
            Self::Upsample(task) => (task.span(), Vec::from([task.input.span()])),
            Self::Transpose(task) => (task.output.span(), Vec::from([task.input.span()])),
            Self::Pooling(task) => (task.output.span(), Vec::from([task.input.span()])),
        }
    }
}

/// What the readers beside the main input read, less an operand that the output replaces in place.
fn beside<'a>(dpu: &'a Dpu, side: &'a SideReaders) -> impl Iterator<Item = Span> + 'a {
    let operand = side.operand().and_then(|operand| elsewhere(dpu, operand));
    side.streams().chain(operand)
}

/// The range of a cube unless the output replaces it value by value.
fn elsewhere(dpu: &Dpu, read: &crate::dpu_rdma::Transfer) -> Option<Span> {
    let out = &dpu.surfaces;
    let in_place = read.address == out.address
        && read.surface_pitch == out.stride
        && read.surfaces == out.count
        && read.row_bytes * read.rows == out.pixels * out.atom
        && (read.rows == 1 || read.row_pitch == read.row_bytes);
    (!in_place).then(|| read.span())
}

impl Machine {
    /// A new start: the CPU may have written what the blocks still hold.
    pub(crate) fn forget(&mut self) {
        self.cbuf.forget();
    }

    /// Runs a task whole. Says what it moved and what it would latch as the last one of its start.
    pub(crate) fn run(&mut self, mask: u32, operands: &Operands<'_>) -> Result<(TaskShape, Completion), FaultKind> {
        let view = &operands.view;
        let task = Decoded::of(view, mask, operands.dma_base)?;
        let (written, reads) = task.spans();
        if reads.iter().any(|read| read.meets(&written)) {
            return Err(match task {
                Decoded::Pooling(_) => broken_output::<npu_regs::ppu::DST_BASE_ADDR>(view),
                _ => broken_output::<dpu::DST_BASE_ADDR>(view),
            });
        }
        let mut shape = self.run_decoded(&task, operands)?;
        shape.traffic.data_read_bytes += operands.command_bytes;
        self.cbuf.written(written.address, written.bytes);
        let group = view.executer(Block::Dpu) as u32;
        Ok((shape, Completion::of(mix(mask)?, group)))
    }

    fn run_decoded(&mut self, task: &Decoded, operands: &Operands<'_>) -> Result<TaskShape, FaultKind> {
        let memory = operands.memory;
        let traffic = |data_read_bytes, written_bytes| Traffic {
            data_read_bytes,
            written_bytes,
            ..Traffic::default()
        };
        let tables = operands.view.tables();
        match task {
            Decoded::Convolution(task, dpu, side) => {
                let beside = side.read(memory, &mut self.bytes, &mut self.feeds)?;
                let Self {
                    cbuf,
                    array,
                    dpu: scratch,
                    feeds,
                    ..
                } = self;
                let mut sink = Sink {
                    dpu,
                    tables,
                    feeds,
                    memory,
                    scratch,
                };
                let loaded = conv::accumulate(task, memory, cbuf, array, &mut sink)?;
                let mut shape = conv::shape(task, &loaded);
                shape.traffic.data_read_bytes += beside;
                shape.traffic.written_bytes = dpu.surfaces.bytes();
                Ok(shape)
            }
            Decoded::Flying(flying) => {
                let beside = flying.side.read(memory, &mut self.bytes, &mut self.feeds)?;
                let Self {
                    dpu: scratch,
                    feeds,
                    bytes,
                    ..
                } = self;
                let mut sink = Sink {
                    dpu: &flying.dpu,
                    tables,
                    feeds,
                    memory,
                    scratch,
                };
                flying.main.run(memory, bytes, &mut sink)?;
                let read = flying.main.transfer.bytes() as u64 + beside;
                Ok(TaskShape {
                    traffic: traffic(read, flying.dpu.surfaces.bytes()),
                    ..TaskShape::without_array(flying.dpu.input.pixels() as u64)
                })
            }
            Decoded::Upsample(task) => {
                task.run(memory, &mut self.bytes)?;
                let read = task.input.bytes() as u64;
                Ok(TaskShape {
                    traffic: traffic(read, task.written_bytes()),
                    ..TaskShape::without_array(task.written_bytes() / 8)
                })
            }
            Decoded::Transpose(task) => {
                task.run(memory, &mut self.bytes)?;
                let moved = task.input.bytes() as u64;
                Ok(TaskShape {
                    traffic: traffic(moved, moved),
                    ..TaskShape::without_array(moved / 8)
                })
            }
            Decoded::Pooling(task) => {
                task.run(memory, &mut self.pooling)?;
                Ok(TaskShape {
                    traffic: traffic(task.input.bytes() as u64, task.output.bytes() as u64),
                    ..TaskShape::without_array(task.pixels() as u64)
                })
            }
        }
    }
}

fn broken_output<R: Register>(view: &View<'_>) -> FaultKind {
    broken(R::INFO, R::INFO.fields[0].name, view.raw::<R>(), rules::OVERLAP)
}

/// The blocks a start mask asks for, or why no known task has it.
fn mix(mask: u32) -> Result<Mix, FaultKind> {
    Mix::of_mask(mask).ok_or_else(|| broken(global::OPERATION_ENABLE::INFO, "mask", mask, rules::ENABLE_MASK))
}

/// What the stages of a task make of its registers, without memory and without looking at addresses.
pub(crate) fn check(view: &View<'_>, mask: u32) -> Result<(), FaultKind> {
    Decoded::of(view, mask, 0).map(|_| ())
}
