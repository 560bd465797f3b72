//! One convolution task from decoded registers to accumulators: load features, stream weights through the array, hand
//! tiles to the DPU.
//!
//! Weights are pinned and read in place, a range of kernel groups at a time, and every pin is dropped before its
//! results are handed on. Memory that lends no views is read one group at a time.

use alloc::vec::Vec;

use npu_device::{DmaFault, DmaMem, Traffic};
use npu_regs::Block;

use crate::array;
use crate::cbuf::{self, Cbuf};
use crate::cna::Convolution;
use crate::dpu::{Output, OutputWriter};
use crate::fault::FaultKind;
use crate::file::View;
use crate::mac::matmul_native;
use crate::rules;
use crate::tile::{Tile, TileSink, Values};
use crate::timing::TaskShape;

/// Results are computed at most this many bytes ahead of the DPU.
const RESULT_BYTES: usize = 4 << 20;

/// Buffers that outlive a task, so that running one allocates nothing in the steady state.
#[derive(Default)]
pub(crate) struct Scratch {
    results: Vec<i32>,
    bytes: Vec<u8>,
    weights: Vec<u8>,
}

/// What the registers of the task say, checked in every block. Touches no memory.
pub(crate) fn decode(view: &View<'_>, dma_base: u32) -> Result<(Convolution, Output), FaultKind> {
    let task = Convolution::decode(view, dma_base)?;
    array::check(view, &task)?;
    let output = Output::decode(view, &task, dma_base)?;
    Ok((task, output))
}

/// Runs the task and says what it moved. `command_bytes` are the words it was fetched with.
pub(crate) fn run(
    view: &View<'_>,
    dma_base: u32,
    memory: &dyn DmaMem,
    cbuf: &mut Cbuf,
    scratch: &mut Scratch,
    command_bytes: u64,
) -> Result<TaskShape, FaultKind> {
    let (task, output) = decode(view, dma_base)?;
    let weight_bytes = (task.kernels * task.channels) as u64;
    refuse_overlap(&task, &output, weight_bytes)?;
    if task.data_reuse && !cbuf.holds_features(&task) {
        return Err(FaultKind::Program {
            block: Block::Cna,
            rule: rules::DATA_REUSE,
        });
    }
    if task.weight_reuse && !cbuf.holds_weights(&task) {
        return Err(FaultKind::Program {
            block: Block::Cna,
            rule: rules::WEIGHT_REUSE,
        });
    }
    let mut feature_bytes = 0;
    if !task.data_reuse {
        load_features(&task, memory, cbuf).map_err(dma(Block::Cna, "feature"))?;
        feature_bytes = (task.pixels() * task.channels) as u64;
    }
    let Scratch {
        results,
        bytes,
        weights,
    } = scratch;
    let mut sink = OutputWriter { output, memory, bytes };
    stream(&task, memory, &cbuf.features, results, weights, &mut sink)?;
    sink.finish(memory)?;
    cbuf.remember(&task);
    let resident = task.grains.min(task.height) * task.width * task.channels;
    Ok(TaskShape {
        outputs: task.cube.pixels() as u64,
        taps: 1,
        channels: task.channels as u64,
        kernels: task.kernels as u64,
        fill_bytes: if task.data_reuse { 0 } else { resident as u64 },
        traffic: Traffic {
            data_read_bytes: feature_bytes + command_bytes,
            weight_read_bytes: if task.weight_reuse { 0 } else { weight_bytes },
            written_bytes: (task.kernels * task.pixels() * 4) as u64,
        },
    })
}

fn dma(block: Block, what: &'static str) -> impl Fn(DmaFault) -> FaultKind {
    move |fault| FaultKind::Dma { block, what, fault }
}

fn refuse_overlap(task: &Convolution, output: &Output, weight_bytes: u64) -> Result<(), FaultKind> {
    let (start, bytes) = (u64::from(output.address), output.span(task));
    let features = cbuf::overlaps(u64::from(task.feature_address), cbuf::feature_span(task), start, bytes);
    if features || cbuf::overlaps(u64::from(task.weight_address), weight_bytes, start, bytes) {
        return Err(FaultKind::Program {
            block: Block::Dpu,
            rule: rules::OVERLAP,
        });
    }
    Ok(())
}

/// Device address `bytes` after `base`; past the end of the address space the DMA faults.
fn offset(base: u32, bytes: usize, write: bool) -> Result<u32, DmaFault> {
    u32::try_from(bytes)
        .ok()
        .and_then(|bytes| base.checked_add(bytes))
        .ok_or(DmaFault { address: base, write })
}

fn load_features(task: &Convolution, memory: &dyn DmaMem, cbuf: &mut Cbuf) -> Result<(), DmaFault> {
    let pixels = task.pixels();
    let pitch = pixels.div_ceil(4) * 4;
    let surfaces = task.channels / 8;
    cbuf.forget();
    cbuf.features.clear();
    cbuf.features.resize(surfaces * pitch * 8, 0);
    let contiguous = task.height == 1 || task.line_stride == task.width;
    if contiguous && task.surface_stride == pitch {
        let whole = ((surfaces - 1) * pitch + pixels) * 8;
        return memory.read(task.feature_address, &mut cbuf.features[..whole]);
    }
    let (rows, run) = if contiguous {
        (1, pixels)
    } else {
        (task.height, task.width)
    };
    for surface in 0..surfaces {
        for row in 0..rows {
            let from = (surface * task.surface_stride + row * task.line_stride) * 8;
            let to = (surface * pitch + row * run) * 8;
            let address = offset(task.feature_address, from, false)?;
            memory.read(address, &mut cbuf.features[to..to + run * 8])?;
        }
    }
    Ok(())
}

fn stream(
    task: &Convolution,
    memory: &dyn DmaMem,
    features: &[u8],
    results: &mut Vec<i32>,
    weights: &mut Vec<u8>,
    sink: &mut dyn TileSink,
) -> Result<(), FaultKind> {
    let pixels = task.pixels();
    let sums = if sink.needs_sums() {
        feature_sums(features, pixels)
    } else {
        Vec::new()
    };
    let group_bytes = 16 * task.channels;
    let most_groups = (RESULT_BYTES / (64 * pixels)).max(1);
    let groups = task.kernels / 16;
    let mut group = 0;
    while group < groups {
        let wanted = most_groups.min(groups - group);
        let address = offset(task.weight_address, group * group_bytes, false).map_err(dma(Block::Cna, "weight"))?;
        let done =
            multiply(task, memory, address, wanted, features, results, weights).map_err(dma(Block::Cna, "weight"))?;
        sink.take(&Tile {
            first_channel: group * 16,
            channels: done * 16,
            first_pixel: 0,
            pixels,
            values: Values::Int(results),
            feature_sums: &sums,
        })?;
        group += done;
    }
    Ok(())
}

/// Sum of each pixel's channels.
fn feature_sums(features: &[u8], pixels: usize) -> Vec<i32> {
    let pitch = pixels.div_ceil(4) * 4;
    let mut sums = alloc::vec![0; pixels];
    for surface in features.chunks_exact(pitch * 8) {
        for (sum, atom) in sums.iter_mut().zip(surface.chunks_exact(8)) {
            *sum += atom.iter().map(|&value| i32::from(value as i8)).sum::<i32>();
        }
    }
    sums
}

/// Multiplies as many of `wanted` kernel groups as lie in one run of memory and says how many those were.
fn multiply(
    task: &Convolution,
    memory: &dyn DmaMem,
    address: u32,
    wanted: usize,
    features: &[u8],
    results: &mut Vec<i32>,
    weights: &mut Vec<u8>,
) -> Result<usize, DmaFault> {
    let group_bytes = 16 * task.channels;
    let (m, k) = (task.pixels(), task.channels);
    results.resize(wanted * 16 * m, 0);
    if let Some(view) = memory.pin(address, wanted * group_bytes)? {
        let groups = view.bytes().len() / group_bytes;
        if groups > 0 {
            let bytes = &view.bytes()[..groups * group_bytes];
            results.truncate(groups * 16 * m);
            matmul_native(features, bytes, m, k, groups * 16, results);
            return Ok(groups);
        }
    }
    weights.resize(group_bytes, 0);
    memory.read(address, weights)?;
    results.truncate(16 * m);
    matmul_native(features, weights, m, k, 16, results);
    Ok(1)
}
