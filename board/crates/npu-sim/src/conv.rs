//! One convolution task up to the accumulator: features into the buffer, the array into whatever follows, and what was read.

use npu_device::{DmaMem, Traffic};
use npu_regs::Block;

use crate::array;
use crate::cbuf::{Cbuf, Unusable};
use crate::cna::{Convolution, Source};
use crate::fault::FaultKind;
use crate::rules;
use crate::tile::{Precision, TileSink};
use crate::timing::TaskShape;

/// Everything up to the accumulator, into `sink`: features into the buffer unless they are there, then the array. Returns
/// the feature and weight bytes that were read.
pub(crate) fn accumulate(
    task: &Convolution,
    memory: &dyn DmaMem,
    cbuf: &mut Cbuf,
    scratch: &mut array::Scratch,
    sink: &mut dyn TileSink,
) -> Result<Traffic, FaultKind> {
    let mut read = Traffic::default();
    let refuse = |rule| FaultKind::Program {
        block: Block::Cna,
        rule,
    };
    if task.buffer.data_reuse {
        cbuf.check_features(task).map_err(|why| match why {
            Unusable::Missing => refuse(rules::DATA_REUSE),
            Unusable::Stale => refuse(rules::REUSE_STALE),
        })?;
    }
    let weight_address = if task.buffer.weight_reuse {
        cbuf.held_weights(task).map_err(|why| match why {
            Unusable::Missing => refuse(rules::WEIGHT_REUSE),
            Unusable::Stale => refuse(rules::REUSE_STALE),
        })?
    } else {
        read.weight_read_bytes = task.weights.bytes() as u64;
        task.weights.address
    };
    if !task.buffer.data_reuse {
        cbuf.load(&task.input, memory).map_err(|fault| FaultKind::Dma {
            block: Block::Cna,
            what: "feature",
            fault,
        })?;
        read.data_read_bytes = (task.input.row_read_bytes() * task.input.height) as u64;
    }
    array::run(task, &cbuf.map, weight_address, memory, scratch, sink)?;
    sink.finish(memory)?;
    cbuf.remember(task);
    Ok(read)
}

/// The task in the terms of the timing model; `loaded` says what was read for it.
pub(crate) fn shape(task: &Convolution, loaded: &Traffic) -> TaskShape {
    let (outputs, taps) = (task.cube.pixels() as u64, task.window.taps() as u64);
    let (channels, kernels) = (task.input.channels as u64, task.weights.kernels as u64);
    let first_layer = matches!(task.input.source, Source::Interleaved { .. });
    let shape = match (task.cube.precision, task.cube.depthwise) {
        (Precision::Int8, false) if first_layer => {
            let (height, width) = (task.window.height as u64, task.window.width as u64);
            TaskShape::first_layer_int8(outputs, height, width, kernels)
        }
        (Precision::Int8, false) => TaskShape::dense_int8(outputs, taps, channels, kernels),
        (Precision::Int8, true) => TaskShape::depthwise_int8(outputs, taps, channels),
        (Precision::Fp16, false) => TaskShape::dense_16_bit(outputs, taps, channels, kernels),
        (Precision::Fp16, true) => TaskShape::depthwise_16_bit(outputs, taps, channels),
    };
    let resident = task.buffer.grains.min(task.input.height) * task.input.row_read_bytes();
    TaskShape {
        fill_bytes: loaded.data_read_bytes.min(resident as u64),
        traffic: *loaded,
        ..shape
    }
}

#[cfg(test)]
mod tests;
