//! The MAC array of a task: features of the buffer times stored weights, handed on as tiles. The one place where
//! multiply-accumulates happen, with the kernels that board and host share. Knows windows and layouts, no registers
//! beyond its own check.

mod check;
mod dense;
mod depthwise;
mod gather;
#[cfg(feature = "float")]
mod half;
mod stored;

use core::ops::Range;

use npu_device::{DmaFault, DmaMem};
use npu_regs::Block;

pub(crate) use check::check;

use crate::cna::Convolution;
use crate::fault::FaultKind;
use crate::tile::{Precision, TileSink};

/// Products whose sum no int8 operands can push out of int32 (§2.5).
pub(crate) const MAX_PRODUCTS: usize = npu_kernels::int8::MAX_K;
/// Results are computed at most this many bytes ahead of the DPU.
const RESULT_BYTES: usize = 2 << 20;
/// Windows are gathered at most this many bytes ahead.
const ROW_BYTES: usize = 512 << 10;

/// Buffers that outlive a task, so that running one allocates nothing large in the steady state.
#[derive(Default)]
pub(crate) struct Scratch {
    dense: dense::Scratch,
    depthwise: depthwise::Scratch,
    #[cfg(feature = "float")]
    half: half::Scratch,
}

/// A task with its features.
struct Job<'a> {
    task: &'a Convolution,
    /// Pixels with their channels side by side.
    map: &'a [u8],
    weight_address: u32,
}

impl Job<'_> {
    /// The output pixels in runs whose rows of `row_bytes` stay small.
    fn blocks(&self, row_bytes: usize) -> impl Iterator<Item = Range<usize>> {
        let (pixels, step) = (self.task.cube.pixels(), (ROW_BYTES / row_bytes.max(1)).max(1));
        (0..pixels)
            .step_by(step)
            .map(move |first| first..pixels.min(first + step))
    }
}

/// Runs the array over `map` and the weights at `weight_address`.
pub(crate) fn run(
    task: &Convolution,
    map: &[u8],
    weight_address: u32,
    memory: &dyn DmaMem,
    scratch: &mut Scratch,
    sink: &mut dyn TileSink,
) -> Result<(), FaultKind> {
    let job = Job {
        task,
        map,
        weight_address,
    };
    match (task.cube.precision, task.cube.depthwise) {
        (Precision::Int8, false) => dense::run(&job, memory, &mut scratch.dense, sink),
        (Precision::Int8, true) => depthwise::run(&job, memory, &mut scratch.depthwise, sink),
        #[cfg(feature = "float")]
        (Precision::Fp16, false) => half::dense(&job, memory, &mut scratch.half, sink),
        #[cfg(feature = "float")]
        (Precision::Fp16, true) => half::depthwise(&job, memory, &mut scratch.half, sink),
        // Refused by the decoder.
        #[cfg(not(feature = "float"))]
        (Precision::Fp16, _) => Ok(()),
    }
}

/// Rows times tiles, on every processor where that pays.
fn multiply(rows: &[u8], tiles: &[u8], m: usize, depth: usize, results: &mut [i32]) {
    #[cfg(feature = "fast")]
    {
        let run = npu_kernels::run::Run::all_processors();
        // Without a flag nothing can cancel.
        let _ = npu_kernels::int8::matmul_tiles_with(rows, tiles, m, depth, results, &run);
    }
    #[cfg(not(feature = "fast"))]
    npu_kernels::int8::matmul_tiles(rows, tiles, m, depth, results);
}

fn weight_fault(fault: DmaFault) -> FaultKind {
    FaultKind::Dma {
        block: Block::Cna,
        what: "weight",
        fault,
    }
}
